"""Phases against the baseline: by how much slower they are, how sure that is, and how many more calls failed."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_runs import Made, phases

from llmload.analysis.against import Against, against_baseline
from llmload.metrics.summary import Summary
from llmload.records import Outcome


def run(seed: int = 1, slower: float = 2.0, failing: int = 0, first: str = "baseline", alike: float = 0.0) -> Summary:
    """60 s of 20 calls/s, 60 s of 50/s that take so many times as long, and 60 s of 20/s again."""
    rng, made, queue = np.random.default_rng(seed), Made(phases(**{first: 60, "spike": 60, "after": 60})), 0.0
    for second in range(180):
        queue = alike * queue + 0.05 * rng.standard_normal()
        spike = 60 <= second < 120
        calls, factor = (50, slower) if spike else (20, 1.0)
        latency = 0.5 * factor * np.exp(queue + 0.4 * rng.standard_normal(calls - failing * spike))
        made.second(second, latency, {Outcome.HTTP_503: failing * spike})
    return made.summary


def rows(summary: Summary) -> dict[str, Against]:
    found = against_baseline(summary)
    assert found is not None
    return {row.phase: row for row in found[1]}


def test_each_phase_is_held_against_the_baseline() -> None:
    found = rows(run(seed=3, failing=5))
    assert list(found) == ["spike", "after"]
    spike = found["spike"]
    assert spike.latency == pytest.approx(2.0, rel=0.05)
    assert spike.interval is not None
    assert spike.interval[0] < 2.0 < spike.interval[1]
    assert (spike.rate, spike.errors, spike.more) == (50.0, 0.1, 0.1)
    assert found["after"].latency == pytest.approx(1.0, rel=0.05)


def test_without_the_name_the_calm_phase_before_a_storm_is_the_baseline() -> None:
    found = against_baseline(run(first="quiet"))
    assert found is not None
    assert found[0] == "quiet"


@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_the_interval_holds_the_truth_as_often_as_it_says(alike: float) -> None:
    held, runs = 0, 80
    for seed in range(runs):
        interval = rows(run(seed, 1.5, alike=alike))["spike"].interval
        held += interval is not None and interval[0] <= 1.5 <= interval[1]
    assert held / runs >= 0.95 - 0.05, "and two standard errors of 80 runs"


def test_where_there_is_no_baseline_there_is_no_table() -> None:
    assert against_baseline(Summary()) is None
    steady = Made(phases(a=20, b=20))
    for second in range(40):
        steady.second(second, [0.1] * 20)
    assert against_baseline(steady.summary) is None
    assert against_baseline(Made(phases(baseline=20, b=20)).summary) is None


def test_a_phase_in_which_nothing_went_well_has_no_latency() -> None:
    made = Made(phases(baseline=30, down=30))
    for second in range(60):
        made.second(
            second, [0.1 + n / 1000 for n in range(20)] if second < 30 else [], {Outcome.HTTP_5XX: second // 30}
        )
    down = rows(made.summary)["down"]
    assert (down.latency, down.interval, down.errors) == (None, None, 1.0)
