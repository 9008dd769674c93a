"""The rules about time: which figures are off because the generator was late, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmload.metrics.catalogue import METRICS
from llmload.metrics.disturbance import Cause
from llmload.units import format_seconds, format_share
from llmload.verdict.evidence import Evidence, gauge
from llmload.verdict.judge import Judgement
from llmload.verdict.lateness import LATE_BY, Lateness
from llmload.verdict.levels import THRESHOLDS, Level, Reason
from llmload.verdict.objectives import Side

__all__ = ["clock_jumps", "cpu_wait", "hanging", "late", "stood_still", "suspended", "worker_cpu"]

_FIGURES: Final = tuple((metric, p) for metric in ("ttft", "itl", "latency") for p in (50.0, 95.0, 99.0))
"""What every report shows, and what is read from it first."""
_STOP: Final = 0.25
"""Seconds of standing still that spoil a time series, whatever the percentiles of the run."""


@dataclass(frozen=True, slots=True)
class _Off:
    """A figure of the report that may be too high by ``error`` (both in seconds). ``code``: for which of our delays
    mostly."""

    name: str
    value: float
    error: float
    level: Level
    code: str

    @property
    def share(self) -> float:
        return self.error / self.value if self.value else 0.0


def late(evidence: Evidence) -> Reason | None:
    """The figure that our delays have falsified most."""
    order = list(Level)
    worst = max(_figures(evidence), key=lambda off: (order.index(off.level), off.share), default=None)
    if worst is None or worst.level is Level.VALID:
        return _never_answered(evidence)
    what = {"schedule_lag": "calls were sent late", "loop_lag": "what arrived was read late"}[worst.code]
    off = f"{format_seconds(worst.error)} ({format_share(round(worst.share, 2))})"
    text = f"{worst.name} ({format_seconds(worst.value)}) may be up to {off} too high: {what}{evidence.because()}"
    return Reason(worst.code, worst.level, text, evidence.remedy())


def _figures(evidence: Evidence) -> Iterator[_Off]:
    wanted = [(metric, p, evidence.measured.histogram(metric)) for metric, p in _FIGURES]
    for metric, p, measured in wanted:
        if measured.enough(p):
            error = evidence.lateness.error(metric, measured, p) / 1e6
            value = measured.percentile(p) / 1e6
            level = THRESHOLDS["error"].level(error / value if value else 0.0, error)
            capped = level if p == 50 or level is Level.VALID else Level.SUSPECT
            yield _Off(f"{METRICS[metric].title} p{p:g}", value, error, capped, _code(evidence, metric, p))
    for judgement in evidence.facts.judgements:
        comparing = judgement.objective.relation
        if judgement.observed and judgement.bracket and judgement.objective.metric in LATE_BY and not comparing:
            error = judgement.observed - judgement.bracket[0]
            level = THRESHOLDS["error"].level(error / judgement.observed, error)
            level = level if level is Level.VALID else Level.SUSPECT
            objective = judgement.objective
            yield _Off(
                str(Side(objective.metric, objective.stat, objective.where)), judgement.observed, error, level,
                _code(evidence, objective.metric, objective.percentile or 100.0),
            )  # fmt: skip


def _code(evidence: Evidence, metric: str, p: float) -> str:
    measured, both = evidence.measured.histogram(metric), evidence.lateness
    sent = Lateness(sent=both.sent).error(metric, measured, p)
    return "schedule_lag" if sent > Lateness(read=both.read).error(metric, measured, p) else "loop_lag"


def _never_answered(evidence: Evidence) -> Reason | None:
    """A target that answers nothing gives no figure to hold our delay against: then it counts by itself."""
    if any(evidence.measured.histogram(metric).count for metric in ("ttft", "latency")):
        return None
    lags = evidence.measured.histogram("schedule_lag")
    lag, limits = lags.percentile(50) / 1e6, THRESHOLDS["error"]
    if not lags.count or lag <= limits.invalid_floor:
        return None
    text = f"half of all calls were sent more than {format_seconds(lag)} late{evidence.because()}"
    return Reason("schedule_lag", Level.SUSPECT, text, evidence.remedy())


def hanging(evidence: Evidence) -> Reason | None:
    """An objective that was missed, and perhaps by our own fault."""
    missed = [judgement for judgement in evidence.facts.judgements if _hangs(judgement)]
    if not missed:
        return None
    judgement = missed[0]
    assert judgement.bracket is not None
    best = max(judgement.bracket, key=lambda value: (judgement.objective.met_by(value), value))
    shown = judgement.objective.kind.show(best)
    others = f" (and {len(missed) - 1} more)" if len(missed) > 1 else ""
    text = f"without the generator's own part it could be {shown}, and {judgement.objective.rule} met{others}"
    late = judgement.objective.metric in LATE_BY
    remedy = evidence.remedy() if late else "see to the other reasons, then run again"
    return Reason("undecided", Level.INVALID, text, remedy)


def _hangs(judgement: Judgement) -> bool:
    if judgement.passed or judgement.sure or not judgement.bracket or judgement.observed is None:
        return False
    low, high = judgement.bracket
    if judgement.objective.metric not in LATE_BY:
        return high > low
    reach = high - low
    if judgement.sides and judgement.objective.relation == "/":
        return THRESHOLDS["error"].level(reach, reach * max(judgement.sides)) is not Level.VALID
    of = max(judgement.sides or (judgement.observed,))
    return THRESHOLDS["error"].level(reach / of if of else 0.0, reach) is not Level.VALID


def stood_still(evidence: Evidence) -> Reason | None:
    """Long stops: they spoil the time series and send what was due all at once, however long the run."""
    stops = evidence.stops(_STOP)
    if not stops:
        return None
    worst = stops[0]
    more = f" (and {len(stops) - 1} more)" if len(stops) > 1 else ""
    lasted, at = format_seconds(worst.micros / 1e6), format_seconds(worst.at / 1e6)
    text = f"for {lasted} at {at}{more} nothing was sent or read{evidence.because()}"
    return Reason("stood_still", Level.SUSPECT, text, evidence.remedy())


def worker_cpu(evidence: Evidence) -> Reason | None:
    """A worker that is hardly ever idle."""
    worst = max(evidence.health, key=lambda health: gauge(health, "cpu"), default=None)
    if worst is None or (level := THRESHOLDS["cpu"].level(gauge(worst, "cpu"))) is Level.VALID:
        return None
    share = format_share(round(gauge(worst, "cpu"), 3))
    return Reason("cpu", level, f"worker {worst.worker} used {share} of a core on average", evidence.more_power())


def cpu_wait(evidence: Evidence) -> Reason | None:
    """A worker that had to wait for its CPU, by the kernel's account."""
    worst = max(evidence.health, key=lambda health: gauge(health, "cpu_wait"), default=None)
    if worst is None or (level := THRESHOLDS["cpu_wait"].level(gauge(worst, "cpu_wait"))) is Level.VALID:
        return None
    share = format_share(round(gauge(worst, "cpu_wait"), 3))
    text = f"worker {worst.worker} waited for a CPU {share} of the time while others had it"
    throttled = evidence.disturbances.seconds(Cause.THROTTLED) > 0
    return Reason("cpu_wait", level, text, evidence.remedy(Cause.THROTTLED if throttled else Cause.PREEMPTED))


def suspended(evidence: Evidence) -> Reason | None:
    """The machine slept."""
    remedy = "keep the machine from sleeping or being paused during a run"
    return _clock(evidence, Cause.SUSPENDED, "suspended", "the machine slept for", remedy)


def clock_jumps(evidence: Evidence) -> Reason | None:
    """The wall clock was set: nothing is measured by it, but logs don't match."""
    remedy = "let the clock settle before a run; times in the request log don't match other logs"
    return _clock(evidence, Cause.CLOCK, "clock_jumps", "the wall clock was set by", remedy)


def _clock(evidence: Evidence, cause: Cause, code: str, what: str, remedy: str) -> Reason | None:
    worst = next(iter(evidence.disturbances.worst(cause)), None)
    if worst is None:
        return None
    count = max(health.disturbances.count(cause) for health in evidence.health)
    often = f", the largest of {count} times" if count > 1 else ""
    text = f"{what} {format_seconds(worst.micros / 1e6)} at {format_seconds(worst.at / 1e6)}{often}"
    return Reason(code, Level.SUSPECT, text, remedy)
