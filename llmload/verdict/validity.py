"""Can the figures be trusted? The generator's own testimony, weighed.

VALID: nothing was found. SUSPECT: the figures may be off, see the reasons. INVALID: they say more about the
generator than about the target. Each rule is a function from the evidence to at most one reason; how much
is too much stands in ``THRESHOLDS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmload import units
from llmload.metrics.health import Gauge, WorkerHealth
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Slice, Summary
from llmload.verdict import measures
from llmload.verdict.objectives import Objective

__all__ = ["THRESHOLDS", "Level", "Reason", "RunFacts", "Threshold", "Validity", "validity"]


class Level(StrEnum):
    """How far the figures can be trusted, best first."""

    VALID = "VALID"
    SUSPECT = "SUSPECT"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the figures are not beyond doubt (``text``), and what to do about it (``remedy``)."""

    code: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Validity:
    """The worst level among the reasons; VALID without any."""

    level: Level
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the user has tried already, so that a remedy never says it again.

    ``cpus``: cores of the machine. ``duration``: planned, in seconds. ``interrupted``: why someone stopped the
    run, "" if nobody did. ``aborted``: the objective or budget that stopped it. ``lost_workers``: how many died.
    """

    workers: int = 1
    cpus: int = 1
    max_in_flight: int | None = None
    on_limit: str = "queue"
    duration: float = 0.0
    interrupted: str = ""
    aborted: str = ""
    lost_workers: int = 0
    objectives: tuple[Objective, ...] = ()
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """What makes a run SUSPECT or INVALID: a share, and (for delays) also at least so many seconds."""

    suspect: float
    invalid: float = math.inf
    suspect_floor: float = 0.0
    invalid_floor: float = 0.0

    def level(self, share: float, seconds: float = math.inf) -> Level:
        """The level that a finding deserves."""
        if share > self.invalid and seconds > self.invalid_floor:
            return Level.INVALID
        if share > self.suspect and seconds > self.suspect_floor:
            return Level.SUSPECT
        return Level.VALID


THRESHOLDS: Final[Mapping[str, Threshold]] = {
    "schedule_lag": Threshold(0.05, 0.25, suspect_floor=0.005, invalid_floor=0.020),
    "loop_lag": Threshold(0.10, 0.50, suspect_floor=0.010, invalid_floor=0.050),
    "gc_pause": Threshold(0.10, 0.50, suspect_floor=0.010, invalid_floor=0.050),
    "cpu": Threshold(0.85, 0.97),
    "others_cpu": Threshold(0.50),
    "steal": Threshold(0.05, 0.25),
    "fds": Threshold(0.90),
    "queued": Threshold(0.0),
    "dropped": Threshold(0.0, 0.01),
    "unsent": Threshold(0.001, 0.05),
    "unfinished": Threshold(0.05),
}
"""Shares: of the target's own figure (lags), of a core, of all cores, of the limit, of the planned calls."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    facts: RunFacts
    summary: Summary
    measured: Slice
    health: tuple[WorkerHealth, ...]

    def yardstick(self) -> tuple[str, float] | None:
        """The figure that a delay of ours is held against: the median the run reports, in seconds."""
        for metric, title in (("ttft", "TTFT"), ("latency", "latency")):
            histogram = self.measured.histogram(metric)
            if histogram.count:
                return title, histogram.percentile(50) / 1e6
        return None

    def more_power(self) -> str:
        """What to do against a generator that is too slow, given what it has."""
        have, cpus = self.facts.workers, self.facts.cpus
        if any(_mean(health, "others_cpu") > THRESHOLDS["others_cpu"].suspect for health in self.health):
            return "other processes keep this machine busy: stop them, or run on another"
        if have < cpus:
            return f"use --workers {min(cpus, max(2, 2 * have))} (now {have}; this machine has {cpus} cores)"
        return f"all {cpus} cores are in use by {have} worker{'s' * (have > 1)}: lower the rate, or use more machines"


_Rule = Callable[[_Evidence], Reason | None]


def validity(summary: Summary, facts: RunFacts) -> Validity:
    """Weigh everything the run knows about itself; the gravest reasons come first."""
    health = tuple(summary.health[worker] for worker in sorted(summary.health))
    evidence = _Evidence(facts, summary, summary.select(measured=True), health)
    order = list(Level)
    reasons = sorted(
        (reason for rule in _RULES if (reason := rule(evidence))), key=lambda r: order.index(r.level), reverse=True
    )
    return Validity(reasons[0].level if reasons else Level.VALID, tuple(reasons))


def _nothing_measured(evidence: _Evidence) -> Reason | None:
    if evidence.measured.calls:
        return None
    return Reason("empty", Level.INVALID, "no call was measured", "see that a measured phase sends any calls at all")


def _lag(evidence: _Evidence, code: str, what: str, histogram: Histogram, percentile: int = 99) -> Reason | None:
    """A delay of the generator's own, held against the figure that it falsifies."""
    if not histogram.count:
        return None
    lag = histogram.percentile(percentile) / 1e6
    title, median = evidence.yardstick() or ("", 0.0)
    share = lag / median if median else math.inf
    level = THRESHOLDS[code].level(share, lag)
    if level is Level.VALID:
        return None
    compared = f" is {units.format_share(round(share, 2))} of the reported {title} p50" if median else ""
    return Reason(code, level, f"{what} p{percentile} {units.format_seconds(lag)}{compared}", evidence.more_power())


def _schedule_lag(evidence: _Evidence) -> Reason | None:
    """By the highest percentile that the number of calls supports: of seven calls, p99 would be the one that was
    unlucky."""
    lags = evidence.measured.histogram("schedule_lag")
    supported = next((percentile for percentile in (99, 95, 90) if lags.enough(percentile)), 50)
    return _lag(evidence, "schedule_lag", "schedule lag", lags, supported)


def _loop_lag(evidence: _Evidence) -> Reason | None:
    return _worst_worker(evidence, "loop_lag", "event-loop lag", lambda health: health.loop_lag)


def _gc_pause(evidence: _Evidence) -> Reason | None:
    return _worst_worker(evidence, "gc_pause", "garbage-collection pause", lambda health: health.gc_pause)


def _worst_worker(evidence: _Evidence, code: str, what: str, of: Callable[[WorkerHealth], Histogram]) -> Reason | None:
    worst = max(evidence.health, key=lambda health: of(health).percentile(99), default=None)
    if worst is None:
        return None
    who = f" of worker {worst.worker}" if len(evidence.health) > 1 else ""
    return _lag(evidence, code, what + who, of(worst))


def _busy(evidence: _Evidence, code: str, text: str, remedy: str) -> Reason | None:
    """A gauge of the same name, by its mean in the worker that had it worst."""
    worst = max(evidence.health, key=lambda health: _mean(health, code), default=None)
    if worst is None or (level := THRESHOLDS[code].level(_mean(worst, code))) is Level.VALID:
        return None
    share = units.format_share(round(_mean(worst, code), 3))
    return Reason(code, level, text.format(share=share, worker=worst.worker), remedy)


def _mean(health: WorkerHealth, gauge: str) -> float:
    value: Gauge = getattr(health, gauge)
    return value.mean


def _worker_cpu(evidence: _Evidence) -> Reason | None:
    return _busy(evidence, "cpu", "worker {worker} used {share} of a core on average", evidence.more_power())


def _others_cpu(evidence: _Evidence) -> Reason | None:
    remedy = "run on a machine that does nothing else (the target least of all)"
    return _busy(evidence, "others_cpu", "other processes used {share} of this machine", remedy)


def _steal(evidence: _Evidence) -> Reason | None:
    remedy = "use a machine with dedicated cores"
    return _busy(evidence, "steal", "the hypervisor took {share} of this machine's time", remedy)


def _fds(evidence: _Evidence) -> Reason | None:
    worst = max(
        (health for health in evidence.health if health.fd_limit), key=lambda h: h.fds / h.fd_limit, default=None
    )
    if worst is None or THRESHOLDS["fds"].level(worst.fds / worst.fd_limit) is Level.VALID:
        return None
    text = f"worker {worst.worker} had {worst.fds:,} of {worst.fd_limit:,} file descriptors open"
    return Reason("fds", Level.SUSPECT, text, f"raise the limit: ulimit -n {max(4 * worst.fd_limit, 65_536)}")


def _cap_queued(evidence: _Evidence) -> Reason | None:
    measured = evidence.measured
    if not measured.calls or THRESHOLDS["queued"].level(measured.queued / measured.calls) is Level.VALID:
        return None
    share = units.format_share(measured.queued / measured.calls)
    text = f"{measured.queued:,} calls ({share}) waited for a place under the cap on calls in flight{_cap(evidence)}"
    remedy = "raise max_in_flight; the time they waited counts, from their planned time"
    return Reason("queued", Level.SUSPECT, text, remedy)


def _cap_dropped(evidence: _Evidence) -> Reason | None:
    measured = evidence.measured
    share = measured.dropped / measured.calls if measured.calls else 0.0
    if (level := THRESHOLDS["dropped"].level(share)) is Level.VALID:
        return None
    text = f"{measured.dropped:,} calls ({units.format_share(share)}) were dropped at the cap on calls in flight"
    return Reason("dropped", level, text + _cap(evidence), 'raise max_in_flight, or keep them with on_limit = "queue"')


def _cap(evidence: _Evidence) -> str:
    cap = evidence.facts.max_in_flight
    return f" (max_in_flight = {cap:,})" if cap else ""


def _unsent(evidence: _Evidence) -> Reason | None:
    """Arrivals that were due and never sent; a run that was stopped on purpose has its own reason."""
    unsent = sum(health.unsent for health in evidence.health)
    planned = evidence.summary.planned + unsent
    stopped = evidence.facts.interrupted or evidence.facts.aborted or evidence.facts.lost_workers
    if stopped or not unsent or (level := THRESHOLDS["unsent"].level(unsent / planned)) is Level.VALID:
        return None
    text = f"{unsent:,} of {planned:,} planned calls ({units.format_share(unsent / planned)}) were never sent"
    return Reason("unsent", level, text, evidence.more_power())


def _unfinished(evidence: _Evidence) -> Reason | None:
    measured = evidence.measured
    share = measured.unfinished / measured.calls if measured.calls else 0.0
    if THRESHOLDS["unfinished"].level(share) is Level.VALID:
        return None
    text = f"{measured.unfinished:,} calls ({units.format_share(share)}) had not ended with the run: the slowest"
    return Reason("unfinished", Level.SUSPECT, text, "give them time: raise limits.drain")


def _few_samples(evidence: _Evidence) -> Reason | None:
    """Percentiles that objectives use and the sample can't support."""
    thin = [short for objective in evidence.facts.objectives if (short := _shortfall(evidence.summary, objective))]
    if not thin:
        return None
    objective, have, need = max(thin, key=lambda short: short[2] / short[1])
    others = f" (and {len(thin) - 1} more)" if len(thin) > 1 else ""
    text = f"{objective.rule} is judged on {have:,} samples; {objective.stat} needs {need:,}{others}"
    longer = f"run {math.ceil(need / have)} times as long, or judge a lower percentile"
    return Reason(
        "few_samples", Level.SUSPECT, text, "run at full size, without --demo" if evidence.facts.demo else longer
    )


def _shortfall(summary: Summary, objective: Objective) -> tuple[Objective, int, int] | None:
    share = objective.percentile
    if share is None or objective.window:
        return None
    histogram = summary.select(measured=True, **dict(objective.where)).histogram(objective.metric)
    if not histogram.count or histogram.enough(share):
        return None
    return objective, histogram.count, measures.samples_needed(share)


def _clock_jumps(evidence: _Evidence) -> Reason | None:
    jumps = sum(health.clock_jumps for health in evidence.health)
    if not jumps:
        return None
    text = f"the machine stood still or its clock jumped {jumps:,} time{'s' * (jumps > 1)}"
    return Reason("clock_jumps", Level.SUSPECT, text, "keep the machine from sleeping or being paused during a run")


def _lost_workers(evidence: _Evidence) -> Reason | None:
    lost, workers = evidence.facts.lost_workers, evidence.facts.workers
    if not lost:
        return None
    share = units.format_share(lost / workers)
    text = f"{lost} of {workers} workers died; their share of the schedule ({share}) was not sent"
    remedy = "look for an out-of-memory kill in the system's log, then run again"
    return Reason("lost_worker", Level.INVALID, text, remedy)


def _fallback(evidence: _Evidence) -> Reason | None:
    if not any(health.fallback == "iter_any" for health in evidence.health):
        return None
    text = "chunks were stamped when the reading task woke, not when they arrived (the iter_any path)"
    return Reason("fallback", Level.SUSPECT, text, "install a supported version of aiohttp to stamp at the socket")


def _stopped(evidence: _Evidence) -> Reason | None:
    why = evidence.facts.interrupted or evidence.facts.aborted
    if not why:
        return None
    done, planned = evidence.summary.elapsed, evidence.facts.duration
    of = f" of {units.format_seconds(planned)}" if planned else ""
    return Reason("stopped", Level.SUSPECT, f"stopped after {units.format_seconds(done)}{of}: {why}")


_RULES: Final[tuple[_Rule, ...]] = (
    _nothing_measured,
    _lost_workers,
    _schedule_lag,
    _loop_lag,
    _gc_pause,
    _worker_cpu,
    _unsent,
    _cap_dropped,
    _cap_queued,
    _unfinished,
    _few_samples,
    _fds,
    _steal,
    _others_cpu,
    _clock_jumps,
    _fallback,
    _stopped,
)
