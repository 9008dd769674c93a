"""``python -m benchmarks.regressions [--runs 100]``: how often a slower target is caught and an unchanged one accused.

The scenario ``ci`` in virtual time, through the real engine and the simulator: each try makes a baseline of its own and
one run to compare with it, every run with noise of its own. The virtual loop is that of the tests.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from llmload.analysis.compare import compare
from llmload.analysis.difference import Change
from llmload.analysis.side import Side
from llmload.metrics.summary import Summary
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import read_source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.sim.spec import SimSpec, parse_fault

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Noise:
    """What the simulator is told, and what runs differ by from one to the next (standard deviation of a factor)."""

    name: str
    faults: tuple[str, ...] = ()
    drift: float = 0.0


NOISES = (
    Noise("none", ()),
    Noise("little", ("slow:factor=1.2,rate=50%",)),
    Noise("noisy", ("slow:factor=1.2,rate=50%", "slow:factor=1.3,rate=20%", "slow:factor=1.6,rate=10%")),
    Noise("very", ("slow:factor=1.4,rate=50%", "slow:factor=1.5,rate=20%", "slow:factor=2,rate=10%")),
    Noise("drifting", ("slow:factor=1.2,rate=50%", "slow:factor=1.3,rate=20%", "slow:factor=1.6,rate=10%"), 0.05),
)
TARGETS = {"unchanged": (), "30 % slower": ("slow:factor=1.3",), "chats 30 % slower": ("slow:factor=1.3,route=chat",)}


def plan_of(environment: str = "") -> Plan:
    """The scenario at demonstration size: as many requests as at full size."""
    source = read_source(str(ROOT / "scenarios" / "ci.toml"))
    return compile_scenario(load_scenario(source, environment, demo=None, environ={}))


def measured(plan: Plan, seed: int, noise: Noise, faults: Sequence[str] = ()) -> Summary:
    """One run in virtual time."""
    virtual_run = _virtual_run()
    told = [*noise.faults, *faults]
    if noise.drift:
        told.append(f"slow:factor={max(1.0, 1.15 + random.Random(seed).gauss(0, noise.drift * 1.15)):.4f}")
    spec = (plan.sim or SimSpec()).model_copy(update={"seed": seed}).with_faults([parse_fault(text) for text in told])
    summary: Summary = virtual_run(replace(plan, sim=spec)).summary
    return summary


def _virtual_run() -> Callable[[Plan], Any]:
    place = str(ROOT / "tests" / "engine")
    if place not in sys.path:
        sys.path.insert(0, place)
    from virtual_run import run_plan  # type: ignore[import-not-found]

    found: Callable[[Plan], Any] = run_plan
    return found


def accused(number: int, noise: Noise, baselines: Sequence[int]) -> tuple[list[tuple[bool, ...]], float]:
    """Of each baseline (so many runs) which of TARGETS one try finds worse; and by how much single chats vary
    (coefficient of variation)."""
    plan, first = plan_of(), 1000 * (number + 1)
    before = [measured(plan, first + n, noise) for n in range(max(baselines))]
    after = [measured(plan, first + 500 + n, noise, faults) for n, faults in enumerate(TARGETS.values())]
    times = before[0].split("class")["chat"].histogram("latency")
    found = [tuple(is_worse(plan, before[:runs], summary) for summary in after) for runs in baselines]
    return found, times.stddev / times.mean


def is_worse(plan: Plan, before: Sequence[Summary], after: Summary) -> bool:
    """Whether any figure is."""
    rows = compare(Side(before), Side([after]), plan.compare)
    return any(row.difference.change is Change.WORSE for row in rows)


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--baselines", default="1,3,5", help="how many runs a baseline is made of")
    parser.add_argument("--noise", action="append", choices=[noise.name for noise in NOISES], help="only of this kind")
    options = parser.parse_args()
    baselines = [int(runs) for runs in options.baselines.split(",")]
    print(f"| noise | single chats vary by | baseline | {' | '.join(TARGETS)} |")
    print(f"|---|--:|--:|{'--:|' * len(TARGETS)}")
    with ProcessPoolExecutor(2) as pool:
        for noise in [noise for noise in NOISES if noise.name in (options.noise or [noise.name])]:
            one = partial(accused, noise=noise, baselines=baselines)
            tries = list(pool.map(one, range(options.runs), chunksize=5))
            varied = fmean(varies for _, varies in tries)
            for n, runs in enumerate(baselines):
                counts = [sum(found[n][target] for found, _ in tries) for target in range(len(TARGETS))]
                shown = " | ".join(f"{count} of {options.runs}" for count in counts)
                print(f"| {noise.name} | {varied:.0%} | {runs} run{'s' * (runs != 1)} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
