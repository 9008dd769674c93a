"""The scenario ``ci`` against its baseline: few tries here, a hundred of each kind in ``benchmarks/regressions.py``."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from shipped_runs import demo, full

from benchmarks.regressions import NOISES, Noise, accused, measured, plan_of
from llmload.analysis.compare import compare
from llmload.analysis.side import Side

LITTLE = next(noise for noise in NOISES if noise.name == "little")
NOISY = next(noise for noise in NOISES if noise.name == "noisy")
TRIES = 6


@cache
def tries(noise: Noise) -> list[tuple[list[tuple[bool, ...]], float]]:
    return [accused(number, noise, (5,)) for number in range(TRIES)]


@pytest.mark.parametrize("noise", [NOISES[0], NOISY], ids=lambda noise: noise.name)
def test_a_slower_target_is_caught_and_an_unchanged_one_not_accused(noise: Noise) -> None:
    unchanged, slower = (sum(found[0][target] for found, _ in tries(noise)) for target in range(2))
    assert unchanged <= 1
    assert slower >= TRIES - 1


def test_one_slow_route_is_named() -> None:
    plan = plan_of()
    before, after = measured(plan, 1, NOISES[0]), measured(plan, 2, NOISES[0], ("slow:factor=1.5,route=embeddings",))
    rows = compare(Side([before]), Side([after]), plan.compare)
    worse = {row.cls for row in rows if row.difference.change.value == "worse"}
    assert worse == {"embed"}


def test_its_means_decide_where_p95_of_20_cannot() -> None:
    plan = plan_of()
    before = [measured(plan, seed, LITTLE) for seed in range(3)]
    rows = compare(Side(before), Side([measured(plan, 9, LITTLE)]), plan.compare)
    verdicts = {(row.cls, str(row.figure)): row.difference.change.value for row in rows}
    assert {verdicts[cls, "latency.mean"] for cls in ("chat", "embed")} == {"same"}
    assert verdicts["chat", "latency.p95"] == "can't say"


@pytest.mark.parametrize("plan", [demo("ci"), full("ci")], ids=["demonstration", "full size"])
def test_it_sends_20_of_each_and_no_more_than_2_minutes(plan: object) -> None:
    assert plan.load.duration <= 60  # type: ignore[attr-defined]
    summary = measured(plan, 1, NOISES[0])  # type: ignore[arg-type]
    measured_calls = Counter({key.cls: part.calls for key, part in summary.cells.items() if key.phase != "warm-up"})
    assert measured_calls == {"chat": 20, "embed": 20}


def test_the_noise_is_what_the_scenario_says() -> None:
    assert 0.15 < sum(varies for _, varies in tries(NOISY)) / TRIES < 0.3
