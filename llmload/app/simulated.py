"""Targets at ``sim:`` get a simulator of their own for the time of the run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from llmload.scenario.plan import Plan
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

__all__ = ["is_simulated", "keep_apart", "with_simulator"]

_SCHEME = "sim:"


def is_simulated(plan: Plan) -> bool:
    """Whether any target is the embedded simulator."""
    return any(target.base_url.startswith(_SCHEME) for target in plan.targets)


@contextmanager
def with_simulator(plan: Plan, truth_log: Path | None = None) -> Iterator[tuple[Plan, SimProcess | None]]:
    """``plan`` with the simulator's address in place of ``sim:``, and the simulator if there is one."""
    if not is_simulated(plan):
        yield plan, None
        return
    with SimProcess(plan.sim or SimSpec(), truth_log=truth_log) as simulator:
        targets = tuple(
            replace(target, base_url=simulator.url) if target.base_url.startswith(_SCHEME) else target
            for target in plan.targets
        )
        yield replace(plan, targets=targets), simulator


def keep_apart(simulator: int, workers: Iterable[int]) -> None:
    """Give the simulator's process and the workers' CPUs of their own, where there are enough and the system lets us.

    Left alone, Linux tends to wake a reader on the CPU of its writer, where it then waits until the writer is done with
    all its streams: milliseconds that no real target on another machine would add.
    """
    measuring = list(workers)
    with suppress(AttributeError, OSError):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) <= len(measuring):
            return
        for pid, cpu in zip(measuring, reversed(cpus), strict=False):
            os.sched_setaffinity(pid, {cpu})
        os.sched_setaffinity(simulator, set(cpus[: -len(measuring)]))
