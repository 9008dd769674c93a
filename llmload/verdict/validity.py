"""Can the figures be trusted? The generator's own testimony, weighed.

VALID: nothing was found. SUSPECT: the figures may be off, see the reasons. INVALID: they say more about the
generator than about the target. Each rule is a function from the evidence to at most one reason (those about time are
in ``delays``); how much is too much stands in ``levels.THRESHOLDS``.
"""

from __future__ import annotations

import errno
import math
from dataclasses import dataclass
from typing import Final

from llmload import units
from llmload.metrics.summary import Summary
from llmload.records import SHORTAGES
from llmload.verdict import delays, measures
from llmload.verdict.evidence import Evidence, Rule, RunFacts, gauge
from llmload.verdict.levels import THRESHOLDS, Level, Reason, Threshold
from llmload.verdict.network import network
from llmload.verdict.objectives import Objective
from llmload.verdict.view import whole_view

__all__ = ["THRESHOLDS", "Level", "Reason", "RunFacts", "Threshold", "Validity", "validity"]


@dataclass(frozen=True, slots=True)
class Validity:
    """The worst level among the reasons; VALID without any."""

    level: Level
    reasons: tuple[Reason, ...] = ()


def validity(summary: Summary, facts: RunFacts) -> Validity:
    """Weigh everything the run knows about itself; the gravest reasons come first."""
    health = tuple(summary.health[worker] for worker in sorted(summary.health))
    evidence = Evidence(facts, summary, summary.select(measured=True), health)
    order = list(Level)
    reasons = sorted(
        (reason for rule in _RULES if (reason := rule(evidence))), key=lambda r: order.index(r.level), reverse=True
    )
    return Validity(reasons[0].level if reasons else Level.VALID, tuple(reasons))


def _nothing_measured(evidence: Evidence) -> Reason | None:
    if evidence.measured.calls:
        return None
    return Reason("empty", Level.INVALID, "no call was measured", "see that a measured phase sends any calls at all")


def _busy(evidence: Evidence, code: str, text: str, remedy: str) -> Reason | None:
    """A gauge of the same name, by its mean in the worker that had it worst."""
    worst = max(evidence.health, key=lambda health: gauge(health, code), default=None)
    if worst is None or (level := THRESHOLDS[code].level(gauge(worst, code))) is Level.VALID:
        return None
    share = units.format_share(round(gauge(worst, code), 3))
    return Reason(code, level, text.format(share=share, worker=worst.worker), remedy)


def _others_cpu(evidence: Evidence) -> Reason | None:
    remedy = "run on a machine that does nothing else (the target least of all)"
    return _busy(evidence, "others_cpu", "other processes used {share} of this machine", remedy)


def _steal(evidence: Evidence) -> Reason | None:
    remedy = "use a machine with dedicated cores"
    return _busy(evidence, "steal", "the hypervisor took {share} of this machine's time", remedy)


def _fds(evidence: Evidence) -> Reason | None:
    """Nearly out of descriptors; when it has run out, calls tell of it (``_shortage``)."""
    with_limit = (health for health in evidence.health if health.fd_limit)
    worst = max(with_limit, key=lambda health: health.fds / health.fd_limit, default=None)
    if worst is None or THRESHOLDS["fds"].level(worst.fds / worst.fd_limit) is Level.VALID:
        return None
    text = f"worker {worst.worker} had {worst.fds:,} of {worst.fd_limit:,} file descriptors open"
    return Reason("fds", Level.SUSPECT, text, _more_fds(worst.fd_limit))


def _more_fds(limit: int) -> str:
    return f"raise the limit (hard and soft): ulimit -n {max(4 * limit, 65_536)}"


def _shortage(evidence: Evidence) -> Reason | None:
    """Calls that failed because this machine, not the target, had run out of something."""
    groups = evidence.summary.errors.values()
    short = {words: sum(g.count for g in groups if words in g.sample) for words in SHORTAGES.values()}
    words = max(short, key=lambda each: short[each])
    count = sum(short.values())
    share_of = count / (count + evidence.summary.completed) if count else 0.0
    if not count or (level := THRESHOLDS["shortage"].level(share_of)) is Level.VALID:
        return None
    share = units.format_share(share_of)
    remedy = "reuse connections, lower the rate, or use more machines"
    if words == SHORTAGES[errno.EMFILE]:
        remedy = _more_fds(max((health.fd_limit for health in evidence.health), default=0))
    return Reason("shortage", level, f"{count:,} calls ({share}) failed because {words}", remedy)


def _cap_queued(evidence: Evidence) -> Reason | None:
    measured = evidence.measured
    if not measured.calls or THRESHOLDS["queued"].level(measured.queued / measured.calls) is Level.VALID:
        return None
    share = units.format_share(measured.queued / measured.calls)
    text = f"{measured.queued:,} calls ({share}) waited for a place under the cap on calls in flight{_cap(evidence)}"
    remedy = "raise max_in_flight; the time they waited counts, from their planned time"
    return Reason("queued", Level.SUSPECT, text, remedy)


def _cap_dropped(evidence: Evidence) -> Reason | None:
    measured = evidence.measured
    share = measured.dropped / measured.calls if measured.calls else 0.0
    if (level := THRESHOLDS["dropped"].level(share)) is Level.VALID:
        return None
    text = f"{measured.dropped:,} calls ({units.format_share(share)}) were dropped at the cap on calls in flight"
    return Reason("dropped", level, text + _cap(evidence), 'raise max_in_flight, or keep them with on_limit = "queue"')


def _cap(evidence: Evidence) -> str:
    cap = evidence.facts.max_in_flight
    return f" (max_in_flight = {cap:,})" if cap else ""


def _unsent(evidence: Evidence) -> Reason | None:
    """Arrivals that were due and never sent; a run that was stopped on purpose has its own reason."""
    unsent = sum(health.unsent for health in evidence.health)
    planned = evidence.summary.planned + unsent
    stopped = evidence.facts.interrupted or evidence.facts.aborted or evidence.facts.lost_workers
    if stopped or not unsent or (level := THRESHOLDS["unsent"].level(unsent / planned)) is Level.VALID:
        return None
    text = f"{unsent:,} of {planned:,} planned calls ({units.format_share(unsent / planned)}) were never sent"
    return Reason("unsent", level, text, evidence.more_power())


def _unfinished(evidence: Evidence) -> Reason | None:
    measured = evidence.measured
    share = measured.unfinished / measured.calls if measured.calls else 0.0
    if THRESHOLDS["unfinished"].level(share) is Level.VALID or evidence.facts.lost_workers:
        return None  # (what a lost worker leaves behind has its own reason)
    text = f"{measured.unfinished:,} calls ({units.format_share(share)}) had not ended with the run: the slowest"
    return Reason("unfinished", Level.SUSPECT, text, "give them time: raise limits.drain")


def _few_samples(evidence: Evidence) -> Reason | None:
    """Percentiles that objectives use and the sample can't support."""
    sides = [side for objective in evidence.facts.objectives for side in objective.sides]
    thin = [short for side in sides if (short := _shortfall(evidence.summary, side))]
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
    if objective.metric == "paired":
        return _too_few_pairs(summary, objective, share)
    histogram = summary.select(measured=True, **dict(objective.where)).histogram(objective.metric)
    if not histogram.count or histogram.enough(share):
        return None
    return objective, histogram.count, measures.samples_needed(share)


def _too_few_pairs(summary: Summary, objective: Objective, share: float) -> tuple[Objective, int, int] | None:
    direct, view = measures.DIRECT[objective.metric][objective.stat], whole_view(summary, objective.where)
    _, pairs = direct.read(view)
    return None if not pairs or direct.enough(view) else (objective, pairs, measures.samples_needed(share))


def _log_lost(evidence: Evidence) -> Reason | None:
    lost, completed = evidence.facts.lost_lines, evidence.summary.completed
    if not lost or THRESHOLDS["log_lost"].level(lost / max(1, completed)) is Level.VALID:
        return None
    missing = f"{lost:,} of {units.counted(completed, 'call')} {'is' if lost == 1 else 'are'} missing"
    text = f"{missing} from the request log: its disk was too slow, or full"
    remedy = "write it to a disk with room for it; to one that is only slow, under a name that ends in .gz"
    return Reason("log_lost", Level.SUSPECT, text, remedy)


def _lost_workers(evidence: Evidence) -> Reason | None:
    lost, workers = evidence.facts.lost_workers, evidence.facts.workers
    if not lost:
        return None
    unsent = sum(health.unsent for health in evidence.health)
    planned = evidence.summary.planned + unsent
    missing = f"{unsent:,} of {planned:,} planned calls ({units.format_share(unsent / planned)}) were not sent"
    gone = missing if unsent else "its share of the load was missing from then on"
    text = f"{lost} of {workers} workers died: {gone}"
    remedy = "look for an out-of-memory kill in the system's log, then run again"
    return Reason("lost_worker", Level.INVALID, text, remedy)


def _fallback(evidence: Evidence) -> Reason | None:
    if not any(health.fallback == "iter_any" for health in evidence.health):
        return None
    text = "chunks were stamped when the reading task woke, not when they arrived (the iter_any path)"
    return Reason("fallback", Level.SUSPECT, text, "install a supported version of aiohttp to stamp at the socket")


def _stopped(evidence: Evidence) -> Reason | None:
    died = "the simulator died" if evidence.facts.simulator_died else ""
    why = evidence.facts.interrupted or evidence.facts.aborted or died
    if not why:
        return None
    done, planned = evidence.summary.elapsed, evidence.facts.duration
    of = f" of {units.format_seconds(planned)}" if planned else ""
    text = f"stopped after {units.format_seconds(done)}{of}: {why}"
    if died:
        return Reason("stopped", Level.INVALID, text, "there was no target any more: look why it ended, then run again")
    return Reason("stopped", Level.SUSPECT, text)


_RULES: Final[tuple[Rule, ...]] = (
    _nothing_measured,
    _lost_workers,
    delays.hanging,
    delays.late,
    delays.stood_still,
    delays.worker_cpu,
    delays.cpu_wait,
    _shortage,
    _unsent,
    _cap_dropped,
    _cap_queued,
    _unfinished,
    _few_samples,
    _fds,
    _steal,
    _others_cpu,
    delays.suspended,
    delays.clock_jumps,
    network,
    _log_lost,
    _fallback,
    _stopped,
)
