"""The figures that every report shares, against what is known of the sample run."""

from __future__ import annotations

import random

import pytest
import reports_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from llmload.metrics.catalogue import METRICS
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Outcome
from llmload.reports.figures import GROUPS, amounts, distributions, figures, groups, slices


def test_every_metric_has_its_place_in_the_tables() -> None:
    placed = [name for _, names in GROUPS for name in names]
    assert sorted(placed) == sorted(set(placed))
    assert set(placed) == set(METRICS)


def test_a_metric_without_a_place_is_shown_all_the_same() -> None:
    found = distributions(samples.summary().select())
    stranger = {"new": found["ttft"]}
    assert list(groups(stranger)) == [("other", [found["ttft"]])]


def test_the_time_to_first_output_is_left_out_where_nothing_was_reasoned() -> None:
    assert "ttfo" not in distributions(samples.summary().select())


def test_amounts_leave_the_warm_up_out() -> None:
    found = {amount.name: amount for amount in amounts(samples.summary())}
    assert found["planned"].count == 1100
    assert found["planned"].rate == pytest.approx(20.0, rel=0.01)
    assert found["succeeded"].share == pytest.approx(1075 / 1100)


_ENDS = st.sampled_from([Outcome.OK, Outcome.HTTP_429, Outcome.CONNECT_ERROR, Outcome.DROPPED, Outcome.GENERATOR_ERROR])


@given(
    edges=st.lists(st.floats(0.05, 9.95), min_size=1, max_size=4, unique=True).map(sorted),
    measured=st.lists(st.booleans(), min_size=5, max_size=5),
    ends=st.lists(_ENDS, min_size=40, max_size=40),
    unfinished=st.integers(0, 15),
    begun=st.integers(0, 15),
    workers=st.integers(1, 3),
)
def test_what_is_sent_is_counted_call_by_call_wherever_a_phase_begins_and_ends(
    edges: list[float], measured: list[bool], ends: list[Outcome], unfinished: int, begun: int, workers: int
) -> None:
    """Phases that begin within a window; the last calls are unfinished, the first ``begun`` of those had been sent."""
    borders = [0.0, *edges, 10.0]
    spans = list(zip(borders, borders[1:], measured, strict=False))
    phases = tuple(PhaseInfo(f"p{n}", start, end, measure) for n, (start, end, measure) in enumerate(spans))
    recorders = [Recorder(RecorderSetup(samples.START, phases, {}, {}, (), worker=n)) for n in range(workers)]
    rng, planned, sent, completed = random.Random(3), 0, 0, 0
    for index, end in enumerate(ends):
        at, recorder = index / 4, recorders[index % workers]
        phase = next(phase for phase in phases if at < phase.end)
        record = samples._call(rng, index, at)
        record.phase = phase.name
        waits = index - (len(ends) - unfinished)
        record.outcome = end if waits < 0 else Outcome.UNFINISHED
        record.end = record.planned + samples.ns(3.0)
        tried = waits < begun if waits >= 0 else end not in (Outcome.DROPPED, Outcome.GENERATOR_ERROR)
        recorder.planned(record.planned)
        if tried and (waits >= 0 or end is not Outcome.CONNECT_ERROR):
            recorder.sent(record.planned + samples.ns(0.4))
        recorder.add(record)
        planned += phase.measure
        sent += phase.measure and tried
        completed += phase.measure and tried and waits < 0
    whole = Summary()
    for recorder in recorders:
        whole.merge(recorder.take())
    found = [amount.count for amount in amounts(whole)]
    assert found[:3] == [planned, sent, completed]
    assert found == sorted(found, reverse=True)


def test_calls_in_flight_are_sent_and_those_that_found_no_connection_tried() -> None:
    going = Recorder(RecorderSetup(samples.START, (), {}, {}, ()))
    for index in range(5):
        record = samples._call(random.Random(index), index, float(index))
        going.planned(record.planned)
        record.outcome, record.end = Outcome.CONNECT_ERROR, record.planned + 1
        if index < 2:
            going.add(record)
        elif index < 4:
            going.sent(record.planned)
    assert [amount.count for amount in amounts(going.take())] == [5, 4, 2, 0, 0]


def test_an_empty_run_has_figures_too() -> None:
    assert all((amount.count, amount.rate, amount.share) == (0, 0.0, 0.0) for amount in amounts(Summary()))
    assert figures(Summary())["total"]["metrics"] == {}


def test_figures_are_in_si_units() -> None:
    total = figures(samples.summary())["total"]["metrics"]
    assert total["ttft"]["p50"] == pytest.approx(0.135, abs=0.01)
    assert total["tokens_per_second"]["mean"] == pytest.approx(52, abs=2)
    assert total["cost"]["mean"] == pytest.approx(30e-6, rel=0.1)
    assert total["ttft"]["p99.9"] is None


def test_cuts_add_up_to_the_whole() -> None:
    whole = samples.summary().select(measured=True)
    for dimension, parts in slices(samples.summary()):
        calls = sum(part.calls for part in parts.values())
        assert calls == (1200 if dimension == "phase" else whole.calls), dimension
