"""Targets at ``sim:`` get a simulator of their own for the time of the run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from llmload.clock import monotonic_ns
from llmload.dialects import DIALECTS
from llmload.observe.target import TargetWatch
from llmload.scenario.plan import Plan, Target
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

__all__ = ["Apart", "is_simulated", "real_targets", "shown", "target_watch", "with_simulator"]

_SCHEME = "sim:"
_MOST_WAITING = 0.05
"""Share of the time that a worker may wait for the CPU it was given. On one that is free it waits for a thousandth."""


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
            replace(target, base_url=simulator.root + DIALECTS[target.dialect].sim_base)
            if target.base_url.startswith(_SCHEME)
            else target
            for target in plan.targets
        )
        yield replace(plan, targets=targets), simulator


def real_targets(plan: Plan, started: Plan) -> list[Target]:
    """The targets that are not the embedded simulator; ``started``: the plan with its address in it."""
    pairs = zip(plan.targets, started.targets, strict=True)
    return [target for written, target in pairs if not written.base_url.startswith(_SCHEME)]


def shown(base_url: str, simulator: SimProcess | None) -> str:
    """A target's address, for reading."""
    return "embedded simulator" if simulator is not None and base_url.startswith(f"{simulator.root}/") else base_url


def target_watch(plan: Plan, simulator: SimProcess | None) -> TargetWatch:
    """What looks at the processes that the plan asks to observe."""
    embedded = None if simulator is None else (simulator.root, simulator.pid)
    return TargetWatch(plan.observers, plan.targets[0], embedded)


class Apart:
    """The simulator and the workers on CPUs of their own, where there are enough and the system lets us.

    Left alone, Linux tends to wake a reader on the CPU of its writer, where it then waits until the writer is done with
    all its streams: milliseconds that no real target on another machine would add. But a worker that may run on one CPU
    only is at the mercy of whatever else runs there: one that has to wait for it is let go again, for good.
    """

    def __init__(self, simulator: int, workers: Iterable[int]) -> None:
        self._all: set[int] = set()
        self._waited: dict[int, int] = {}
        """Process id of each worker that has a CPU of its own -> ns that it was ready to run and did not, so far."""
        self._at = monotonic_ns()
        measuring = list(workers)
        with suppress(AttributeError, OSError):
            self._all = os.sched_getaffinity(0)
            cpus = sorted(self._all)
            if len(cpus) <= len(measuring):
                return
            for pid, cpu in zip(measuring, reversed(cpus), strict=False):
                os.sched_setaffinity(pid, {cpu})
                self._waited[pid] = _waited(pid)
            os.sched_setaffinity(simulator, set(cpus[: -len(measuring)]))

    def look(self) -> list[int]:
        """Let go of the workers that waited for their CPU too long since the last look; their process ids."""
        now = monotonic_ns()
        passed, self._at = now - self._at, now
        let_go = []
        for pid, before in list(self._waited.items()):
            with suppress(OSError, ValueError):
                self._waited[pid] = waited = _waited(pid)
                if waited - before > _MOST_WAITING * passed:
                    os.sched_setaffinity(pid, self._all)
                    let_go.append(pid)
                    del self._waited[pid]
        return let_go


def _waited(pid: int) -> int:
    """Nanoseconds that a process's first thread stood in the queue for a CPU (Documentation/scheduler/sched-stats)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
