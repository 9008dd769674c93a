"""Outages found in who served when, against stories whose truth is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.analysis.switches import Outage, outages
from llmload.clock import NS
from llmload.metrics.track import Track

Story = list[tuple[float, float, str, float]]
"""From, to (s), who is asked, share of the calls that fail."""


def told(story: Story, rate: float = 20.0, seed: int = 1, silent: bool = False) -> list[Outage]:
    """``rate`` calls a second, evenly; failures of ``silent`` servers name nobody."""
    track, chance = Track(), random.Random(seed)
    for start, end, value, failing in story:
        for n in range(round((end - start) * rate)):
            failed = chance.random() < failing
            track.add("" if failed and silent else value, failed, round((start + n / rate) * NS))
    return outages(track)


def test_nothing_fails() -> None:
    assert told([(0, 60, "a", 0)]) == []


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("delay", [0.5, 3, 12])
def test_the_time_to_fail_over_is_exact(delay: float, silent: bool) -> None:
    (found,) = told(
        [(0, 30, "a", 0), (30, 30 + delay, "a", 1), (30 + delay, 60, "b", 0), (60, 90, "a", 0)], silent=silent
    )
    assert found.incumbent == "a"
    assert found.successor == "b"
    assert found.time_to_fail_over == pytest.approx(delay, abs=0.001)
    assert found.failed == round(delay * 20)
    assert found.failed_after == found.cascade == 0
    assert found.back == pytest.approx(60, abs=0.2)


def test_nobody_takes_over() -> None:
    (found,) = told([(0, 30, "a", 0), (30, 40, "a", 1), (40, 60, "a", 0)])
    assert found.switched is None
    assert found.failed == 200
    assert found.time_to_fail_over == pytest.approx(10, abs=0.2)
    assert found.back == pytest.approx(40, abs=0.2)


def test_an_outage_that_the_run_does_not_outlast_is_as_long_as_was_seen() -> None:
    (found,) = told([(0, 30, "a", 0), (30, 40, "a", 1)])
    assert found.switched is None
    assert found.back is None
    assert found.time_to_fail_over == pytest.approx(10, abs=0.2)


def test_a_blip_is_no_outage() -> None:
    assert told([(0, 30, "a", 0), (30, 30.1, "a", 1), (30.1, 60, "a", 0)]) == []


def test_each_of_ten_failures_is_found() -> None:
    story: Story = []
    for n in range(10):
        at = n * 60
        story += [(at, at + 30, "a", 0), (at + 30, at + 31 + n / 5, "a", 1), (at + 31 + n / 5, at + 60, "b", 0)]
    found = told(story)
    assert [each.time_to_fail_over for each in found] == pytest.approx([1 + n / 5 for n in range(10)], abs=0.06)


def test_probes_of_an_open_breaker_do_not_close_it() -> None:
    story: Story = [(0, 20, "a", 0), (20, 20.25, "a", 1)]
    for n in range(4):
        story += [(20.25 + 5 * n, 25.2 + 5 * n, "b", 0), (25.2 + 5 * n, 25.25 + 5 * n, "a", 1)]
    story += [(40.25, 60, "a", 0)]
    (found,) = told(story)
    assert found.failed == 5, "what it took to open it"
    assert found.failed_after == found.probes == 4
    assert found.cascade == 0
    assert found.back == pytest.approx(40.25, abs=0.2)


def test_when_the_other_fails_too_it_is_a_cascade() -> None:
    (found,) = told([(0, 20, "a", 0), (20, 21, "a", 1), (21, 25, "b", 0), (25, 30, "b", 1), (30, 40, "a", 0)])
    assert (found.failed, found.failed_after, found.cascade) == (20, 100, 100)


def test_a_gateway_that_asks_the_other_at_once_is_seamless() -> None:
    (found,) = told([(0, 20, "a", 0), (20, 40, "b", 0), (40, 60, "a", 0)])
    assert found.failed == 0
    assert found.time_to_fail_over == 0
    assert found.switched == 20
    assert found.back == pytest.approx(40, abs=0.2)


def test_instances_behind_a_balancer_are_no_failover() -> None:
    track, chance = Track(), random.Random(3)
    for n in range(4000):
        track.add(chance.choice("abc"), chance.random() < 0.001, round(n / 20 * NS))
    assert outages(track) == []


@given(st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.booleans(), st.integers(0, 10**12)), max_size=80))
def test_any_track_has_sensible_outages(calls: list[tuple[str, bool, int]]) -> None:
    track = Track()
    for value, failed, t in calls:
        track.add(value, failed, t)
    failures = sum(failed for _, failed, _ in calls)
    found = outages(track)
    assert sum(each.failed + each.failed_after for each in found) <= failures
    for each in found:
        assert each.time_to_fail_over >= 0
        assert each.cascade <= each.failed_after
    assert [each.start for each in found] == sorted(each.start for each in found)
