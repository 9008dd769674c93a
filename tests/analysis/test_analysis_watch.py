"""Anomalies of a run that goes on: each is told once and soon, healthy runs are quiet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from analysis_runs import Made, phases

from llmload.analysis.anomalies import Anomaly
from llmload.analysis.watch import Watch
from llmload.records import Outcome


def watched(
    seconds: int = 300,
    seed: int = 1,
    slow: Mapping[int, float] | None = None,
    failing: Mapping[int, float] | None = None,
) -> list[tuple[int, Anomaly]]:
    """What is told of a run of 30 calls a second, each with the second at which it is; 0.5 % of them fail."""
    rng, made, queue = np.random.default_rng(seed), Made(phases(hold=seconds)), 0.0
    watch, told = Watch(seconds), []
    for second in range(seconds):
        queue = 0.8 * queue + 0.03 * rng.standard_normal()
        failed = int(rng.binomial(30, (failing or {}).get(second, 0.005)))
        factor = (slow or {}).get(second, 1.0) * np.exp(queue)
        made.second(second, 0.5 * factor * np.exp(0.5 * rng.standard_normal(30 - failed)), {Outcome.HTTP_5XX: failed})
        made.summary.elapsed = second + 1.0
        told += [(second + 1, each) for each in watch.look(made.summary)]
    return told


def test_healthy_runs_are_quiet() -> None:
    assert sum(bool(watched(seed=seed)) for seed in range(20)) <= 2, "fewer than 5 % of 20, and a standard error"


def test_a_stall_is_told_once_and_within_ten_seconds() -> None:
    ((at, found),) = watched(slow={120: 4.0, 121: 4.0, 122: 2.5})
    assert (found.what, found.start) == ("latency", 120.0)
    assert 122 <= at <= 130
    assert found.worst == pytest.approx(4, rel=0.3)


def test_errors_and_a_later_stall_are_two() -> None:
    first, second = watched(failing={150: 0.6, 151: 0.6}, slow={250: 5.0, 251: 5.0})
    assert (first[1].what, second[1].what) == ("errors", "latency")


def test_a_new_level_is_told_once() -> None:
    ((at, found),) = watched(slow=dict.fromkeys(range(150, 300), 3.0))
    assert found.what == "latency"
    assert 150 < at <= 165


def test_nothing_is_told_where_there_is_too_little() -> None:
    assert watched(25, slow={10: 9.0}) == []
