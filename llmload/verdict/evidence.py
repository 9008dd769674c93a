"""What the rules of validity look at: the measurements, the generator's testimony, and what the user has tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from llmload.metrics.disturbance import OF_THE_LOOP, Cause, Disturbance, Disturbances
from llmload.metrics.health import Gauge, WorkerHealth
from llmload.metrics.ping import Pinged
from llmload.metrics.summary import Slice, Summary
from llmload.verdict.judge import Judgement
from llmload.verdict.lateness import Lateness
from llmload.verdict.levels import THRESHOLDS, Reason
from llmload.verdict.objectives import Objective

__all__ = ["Evidence", "Rule", "RunFacts", "gauge"]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the user has tried already, so that a remedy never says it again.

    ``cpus``: cores of the machine. ``duration``: planned, in seconds. ``interrupted``: why someone stopped the
    run, "" if nobody did. ``aborted``: the objective or budget that stopped it. ``lost_workers``: how many died.
    ``simulator_died``: the target was the embedded simulator, and it ended before the run did.
    ``lost_lines``: calls missing from the request log. ``judgements``: of the objectives, for what hangs on them.
    ``ping``: the way to each target, before the load and after it.
    """

    workers: int = 1
    cpus: int = 1
    max_in_flight: int | None = None
    on_limit: str = "queue"
    duration: float = 0.0
    interrupted: str = ""
    aborted: str = ""
    lost_workers: int = 0
    simulator_died: bool = False
    lost_lines: int = 0
    objectives: tuple[Objective, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    demo: bool = False
    ping: Mapping[str, Pinged] = field(default_factory=dict)


def gauge(health: WorkerHealth, name: str) -> float:
    """The mean of a worker's gauge."""
    value: Gauge = getattr(health, name)
    return value.mean


_WORDS: Final[Mapping[Cause, str]] = {
    Cause.PREEMPTED: "others had its CPU",
    Cause.STOLEN: "the hypervisor had taken the CPU",
    Cause.COLLECTING: "garbage collection held it",
    Cause.BUSY: "it was busy",
    Cause.STOPPED: "it stood still",
    Cause.THROTTLED: "the container's CPU quota was used up",
}


@dataclass(frozen=True)
class Evidence:
    """One run's, whole or so far. ``measured``: its measured calls."""

    facts: RunFacts
    summary: Summary
    measured: Slice
    health: tuple[WorkerHealth, ...]

    @cached_property
    def lateness(self) -> Lateness:
        """How late the generator was, over the measured part of the run."""
        return Lateness.of(self.summary, self.measured)

    @cached_property
    def disturbances(self) -> Disturbances:
        """Those of all workers."""
        total = Disturbances()
        for health in self.health:
            total.merge(health.disturbances)
        return total

    @cached_property
    def cause(self) -> Cause | None:
        """What made the workers late for the longest time; None if they were not."""
        late = {cause: self.disturbances.seconds(cause) for cause in OF_THE_LOOP}
        worst = max(late, key=lambda cause: late[cause])
        if self.disturbances.seconds(Cause.THROTTLED) > sum(late.values()) / 2:
            return Cause.THROTTLED
        return worst if late[worst] else None

    def because(self) -> str:
        """``cause`` in words that go on a sentence; "" without one."""
        return f", as {_WORDS[self.cause]}" if self.cause else ""

    def remedy(self, cause: Cause | None = None) -> str:
        """What to do against a generator that is late, because of ``cause`` or of what it mostly was."""
        found = cause or self.cause
        cure = _CURES.get(found) if found else None
        return cure(self) if cure else self.more_power()

    def more_power(self) -> str:
        """What to do against a generator that is too slow, given what it has."""
        have, cpus = self.facts.workers, self.facts.cpus
        if self.others_are_busy():
            return "other processes keep this machine busy: stop them, or run on another"
        if have < cpus:
            return f"use --workers {min(cpus, max(2, 2 * have))} (now {have}; this machine has {cpus} cores)"
        return f"all {cpus} cores are in use by {have} worker{'s' * (have > 1)}: lower the rate, or use more machines"

    def others_are_busy(self) -> bool:
        """Whether processes that are not ours use much of the machine."""
        return any(gauge(health, "others_cpu") > THRESHOLDS["others_cpu"].suspect for health in self.health)

    def stops(self, at_least: float) -> list[Disturbance]:
        """Measured time in which a loop did nothing for so many seconds on end, longest first."""
        unmeasured = [phase for phase in self.summary.phases if not phase.measure]
        return [
            stop
            for stop in self.disturbances.worst(*OF_THE_LOOP)
            if stop.micros >= at_least * 1e6
            and not any(phase.start * 1e6 <= stop.at < phase.end * 1e6 for phase in unmeasured)
        ]


def _less_company(evidence: Evidence) -> str:
    have, cpus = evidence.facts.workers, evidence.facts.cpus
    if have >= cpus > 1 and not evidence.others_are_busy():
        return f"leave a core for the rest: use --workers {cpus - 1} (now {have}; this machine has {cpus} cores)"
    return "other processes share its CPU: stop them, or run on a machine that does nothing else"


def _spread(evidence: Evidence) -> str:
    if max((gauge(health, "cpu") for health in evidence.health), default=1.0) > 0.5:
        return evidence.more_power()
    return f"its CPU was free most of the time, so something held its event loop: {evidence.more_power()}"


_CURES: Final[Mapping[Cause, Callable[[Evidence], str]]] = {
    Cause.PREEMPTED: _less_company,
    Cause.STOLEN: lambda _: "use a machine with dedicated cores",
    Cause.BUSY: _spread,
    Cause.STOPPED: lambda _: (
        "let nothing stop it: no SIGSTOP, debugger or swapping, no blocking disk, no snapshot of the machine"
    ),
    Cause.THROTTLED: lambda _: "raise the CPU limit of the container",
}

Rule = Callable[[Evidence], Reason | None]
