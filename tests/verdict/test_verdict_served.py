"""Objectives on failover and circuit breakers, of runs made call by call."""

from __future__ import annotations

import pytest

from llmload.clock import NS
from llmload.metrics.summary import PhaseInfo, Summary, WorkerHealth
from llmload.metrics.track import Track
from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective


def run(*stories: tuple[float, float, str, bool]) -> Summary:
    """10 calls a second: from, to (s), who served, whether they failed."""
    track = Track()
    for start, end, value, failed in stories:
        for n in range(round((end - start) * 10)):
            track.add(value, failed, round((start + n / 10) * NS))
    phases = (PhaseInfo("first", 0.0, 30.0), PhaseInfo("second", 30.0, 100.0))
    return Summary(elapsed=100.0, phases=phases, tracks={"provider": track})


STORY = run(
    (0, 10, "a", False), (10, 12, "a", True), (12, 20, "b", False), (20, 40, "a", False),
    (40, 46, "", True), (46, 50, "b", False), (50, 51, "b", True), (51, 60, "b", False), (60, 100, "a", False),
)  # fmt: skip


@pytest.mark.parametrize(
    ("stat", "observed"),
    [
        ("failover.count", 2), ("failover.done", 2), ("failover.min", 2.0), ("failover.mean", 4.0),
        ("failover.max", 6.0), ("failover.lost", 90), ("failover.cascade", 10), ("failover.back", 2),
        ("breaker.opened", 2), ("breaker.failures", 60), ("breaker.probes", 0), ("breaker.closed", 2),
    ],
)  # fmt: skip
def test_every_statistic(stat: str, observed: float) -> None:
    (judgement,) = judge([parse_objective(f"{stat}{{over=provider}} >= 0")], STORY)
    assert judgement.observed == pytest.approx(observed, abs=0.01)


def test_a_late_generator_does_not_hide_a_failover_that_took_too_long() -> None:
    late = run((0, 10, "a", False), (10, 22, "a", True), (22, 60, "b", False))
    late.health[0] = WorkerHealth(0)
    late.health[0].loop_lag.record([300_000])
    slow, quick, count = judge(
        [parse_objective(f"failover.{rule}") for rule in (
            "max{over=provider} < 5s", "max{over=provider} < 12.1s", "done{over=provider} >= 2"
        )],
        late,
    )  # fmt: skip
    assert slow.bracket == pytest.approx((11.7, 12.3), abs=0.01)
    assert slow.sure
    assert quick.passed
    assert not quick.sure
    assert count.bracket == (1, 1)


def test_of_one_phase() -> None:
    rules = ["failover.max{over=provider,phase=first} < 3s", "failover.max{over=provider,phase=second} < 3s"]
    assert [each.passed for each in judge([parse_objective(rule) for rule in rules], STORY)] == [True, False]


def test_an_outage_without_a_successor_counts_with_its_length() -> None:
    summary = run((0, 10, "a", False), (10, 30, "a", True), (30, 60, "a", False))
    longest, mean = judge(
        [parse_objective(f"failover.{stat}{{over=provider}} < 10s") for stat in ("max", "mean")], summary
    )
    assert longest.observed == pytest.approx(20, abs=0.2)
    assert not longest.passed
    assert mean.observed is None, "nobody ever took over"
    assert not mean.passed


def test_without_the_label_there_is_no_data() -> None:
    (judgement,) = judge([parse_objective("failover.count{over=region} == 0")], STORY)
    assert judgement.observed is None
    assert not judgement.passed
