from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmload.tracing import Tracing, is_sampled, span_id, trace_id

_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")
"""Version 00 of W3C Trace Context: lower-case hex, neither id all zeros."""
_RUNS = st.integers(0, 2**64 - 1)
_CALLS = st.tuples(st.integers(0, 2**48 - 1), st.integers(0, 2**16 - 1), st.integers(1, 100))


@given(_RUNS, st.floats(0, 1), _CALLS)
def test_a_traceparent_has_the_form_that_the_standard_asks_for(
    run: int, share: float, call: tuple[int, int, int]
) -> None:
    made = Tracing(share, run).traceparent(*call)
    assert _FORM.fullmatch(made)
    assert made == f"00-{trace_id(made)}-{span_id(made)}-{'01' if is_sampled(made) else '00'}"


@given(_RUNS, _CALLS)
def test_ids_depend_on_the_run_and_the_call_alone(run: int, call: tuple[int, int, int]) -> None:
    assert Tracing(0.3, run).traceparent(*call) == Tracing(0.3, run).traceparent(*call)
    other = Tracing(0.3, run ^ 1).traceparent(*call)
    assert trace_id(other) != trace_id(Tracing(0.3, run).traceparent(*call))


@given(_RUNS, st.sets(_CALLS, min_size=2, max_size=20))
def test_every_call_and_turn_is_a_trace_and_every_attempt_a_span(run: int, calls: set[tuple[int, int, int]]) -> None:
    made = {call: Tracing(1, run).traceparent(*call) for call in calls}
    assert len({trace_id(each) for each in made.values()}) == len({call[:2] for call in calls})
    assert len(set(made.values())) == len(calls)
    for one, other in product(calls, calls):
        assert (trace_id(made[one]) == trace_id(made[other])) == (one[:2] == other[:2])


def test_ids_of_neighbours_are_all_different_and_look_random() -> None:
    made = [
        Tracing(1, 7).traceparent(index, turn, attempt)
        for index in range(5000)
        for turn in (0, 1)
        for attempt in (1, 2)
    ]
    assert len({trace_id(each) for each in made}) == 10_000
    assert len({span_id(each) for each in made}) == 20_000
    bits = np.array([[int(digit, 16) for digit in trace_id(each) + span_id(each)] for each in made[::2]])
    for place in range(bits.shape[1]):
        assert stats.chisquare(np.bincount(bits[:, place], minlength=16)).pvalue > 1e-6


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 1.0])
def test_the_share_of_calls_that_are_sampled_is_the_one_asked_for(share: float) -> None:
    calls = 20_000
    sampled = sum(is_sampled(Tracing(share, 11).traceparent(index)) for index in range(calls))
    assert stats.binomtest(sampled, calls, share).pvalue > 1e-4 if 0 < share < 1 else sampled == share * calls


@given(_RUNS, st.integers(0, 2**48 - 1), st.floats(0, 1), st.floats(0, 1))
def test_what_a_smaller_share_samples_a_larger_does_too(run: int, index: int, one: float, other: float) -> None:
    """So all attempts of a call agree, and a consistent sampler behind us takes some of what we took."""
    small, large = (is_sampled(Tracing(share, run).traceparent(index)) for share in sorted((one, other)))
    assert large or not small


def test_all_attempts_of_a_call_are_sampled_or_none_is() -> None:
    tracing = Tracing(0.5, 3)
    for index in range(200):
        assert len({is_sampled(tracing.traceparent(index, 1, attempt)) for attempt in range(1, 5)}) == 1


def test_sampling_follows_the_last_56_bits_of_the_trace_id() -> None:
    """OpenTelemetry's consistent probability sampling: R, those bits, against T, the share that is rejected."""
    tracing = Tracing(0.25, 5)
    for made in map(tracing.traceparent, range(500)):
        assert is_sampled(made) == (int(trace_id(made)[18:], 16) >= 0.75 * 2**56)


def test_nothing_has_no_ids() -> None:
    assert (trace_id(""), span_id(""), is_sampled("")) == ("", "", False)
