"""Figures sampled over the run: means by time, bounded memory, sums in any order, documents that read back."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.metrics.observed import Observed, Samples, mean_of
from llmload.metrics.summary import Summary
from llmload.metrics.windows import MAX_WINDOWS


def test_a_rate_counts_in_each_window_for_the_time_it_lasted_there() -> None:
    samples = Samples()
    samples.lasted(0.5, 2.25, 4.0)
    samples.lasted(2.25, 3.0, 0.0)
    assert {number: part.weight for number, part in samples.bins.items()} == {0: 0.5, 1: 1.0, 2: 1.0}
    assert samples.bins[2].mean == 1.0
    assert (samples.bins[2].low, samples.bins[2].high) == (0.0, 4.0)
    assert mean_of(samples.within([(0, 3)])) == pytest.approx(4 * 1.75 / 2.5)


def test_what_a_rate_lasted_before_the_run_is_left_out() -> None:
    samples = Samples()
    samples.lasted(-0.3, 0.25, 2.0)
    assert samples.bins[0].weight == 0.25


def test_a_reading_before_the_run_is_kept_apart_and_the_first_one_counts() -> None:
    samples = Samples()
    for at, value in ((float("-inf"), 5.0), (-0.1, 6.0), (0.1, 7.0)):
        samples.read(at, value)
    assert samples.before == 5.0
    assert samples.bins[0].mean == 7.0


def test_windows_are_chosen_by_where_they_begin() -> None:
    samples = Samples()
    for at in range(10):
        samples.read(at, at)
    assert [part.mean for part in samples.within([(1.5, 3), (8, 20), (2, 4)])] == [2, 3, 8, 9]


def test_a_day_takes_no_more_room_than_two_hours() -> None:
    samples = Samples()
    for at in range(0, 86400, 2):
        samples.read(at, at % 100)
    assert len(samples.bins) <= MAX_WINDOWS
    assert samples.width == 16
    assert sum(part.weight for part in samples.bins.values()) == 43200
    assert mean_of(samples.within([(0, 86400)])) == pytest.approx(49.0)


readings = st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 10**12)), max_size=30)


def made(values: list[tuple[int, int]]) -> Samples:
    samples = Samples()
    for at, value in values:
        samples.read(at, value)
    return samples


@given(readings, readings)
def test_parts_add_up_in_any_order(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    left, right = made(a), made(b)
    left.merge(made(b))
    right.merge(made(a))
    assert left == right == made(a + b)


def test_summaries_carry_what_was_observed() -> None:
    first, second = Observed("process 7"), Observed("process 7", trouble="it has ended", ended=[3.5])
    first.samples("memory").read(0.2, 1e6)
    second.samples("memory").read(1.2, 3e6)
    second.missing["fds"] = "no permission"
    whole = Summary(observed={"server": first})
    whole.merge(Summary(observed={"server": second}))
    again = Summary.from_json(orjson.loads(orjson.dumps(whole.to_json())))
    assert again.observed == whole.observed
    found = again.observed["server"]
    assert (found.what, found.trouble, found.ended) == ("process 7", "it has ended", [3.5])
    assert [part.mean for part in found.figures["memory"].within([(0, 2)])] == [1e6, 3e6]


def test_documents_of_earlier_versions_have_none() -> None:
    document = Summary().to_json()
    del document["observed"]
    assert Summary.from_json(document).observed == {}


@pytest.mark.parametrize(
    "damaged",
    [
        {"width": 0, "bins": []},
        {"width": 1, "bins": [[0, 0.0, 1.0, 1.0, 1.0]]},
        {"width": 1, "bins": [[-1, 1.0, 1.0, 1.0, 1.0]]},
        {"width": 1, "bins": [[MAX_WINDOWS, 1.0, 1.0, 1.0, 1.0]]},
    ],
)
def test_windows_that_cannot_be_are_refused(damaged: dict) -> None:
    with pytest.raises(ValueError, match="window"):
        Samples.from_json({"before": None} | damaged)
