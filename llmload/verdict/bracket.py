"""Where the figure of an objective lies once the generator's own part in it is taken off."""

from __future__ import annotations

from typing import Final

from llmload.metrics.disturbance import OF_THE_LOOP, Disturbance
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Summary
from llmload.records import SHORTAGES, Outcome
from llmload.verdict.kinds import Kind
from llmload.verdict.lateness import LATE_BY, Lateness, tail_of
from llmload.verdict.objectives import Objective
from llmload.verdict.view import View

__all__ = ["outcome_bracket", "switch_bracket", "time_bracket"]

Bracket = tuple[float, float]

_TIMEOUTS: Final = frozenset(
    {Outcome.TIMEOUT_CONNECT, Outcome.TIMEOUT_FIRST_TOKEN, Outcome.TIMEOUT_IDLE, Outcome.TIMEOUT_TOTAL}
)
"""What a generator that stands still can bring about by itself. A status or a broken answer is the target's word,
however late we read it."""
_COUNTS_OF_FAILURES: Final = frozenset({"lost", "cascade", "failures", "probes"})
"""Some of which may be time-outs that are our doing."""
_STOOD_STILL: Final = 0.25
"""Seconds of a stop from which a time-out in the same seconds may be its doing."""


def time_bracket(objective: Objective, view: View, measured: Histogram) -> Bracket | None:
    """Of a statistic of a time: our delays can only have made it larger. Seconds."""
    known = objective.percentile is not None or objective.stat in ("min", "mean", "max")
    if objective.metric not in LATE_BY or not known:
        return None
    lateness = _lateness(view)
    if objective.stat == "mean":
        observed, error = measured.mean, lateness.mean_error(objective.metric)
    elif objective.stat == "min":
        observed, error = float(measured.min), 0.0
    else:
        percentile = 100.0 if objective.percentile is None else objective.percentile
        observed, error = float(measured.percentile(percentile)), lateness.error(objective.metric, measured, percentile)
    return max(0.0, observed - error) / 1e6, observed / 1e6


def switch_bracket(objective: Objective, view: View, observed: float) -> Bracket | None:
    """Of how servers took over from each other: who served is what the answers say, however late they were read; a
    time lies between two calls, each of which may have been late by the longest delay there was."""
    if objective.metric not in ("failover", "breaker") or objective.stat in _COUNTS_OF_FAILURES:
        return None
    if objective.side_kind is not Kind.DURATION:
        return observed, observed
    loop = max((health.loop_lag.max for health in view.summary.health.values()), default=0)
    off = (loop + view.summary.select(measured=False).histogram("schedule_lag").max) / 1e6
    return max(0.0, observed - off), observed + off


def _lateness(view: View) -> Lateness:
    """Of the run; of one rolling window, by the stops that lie in it."""
    if view.span is None:
        return Lateness.of(view.summary, view.slice)
    start, end = (edge * 1e6 for edge in view.span)
    held = tail_of(_stops(view.summary), start, end)
    return Lateness(held, held)


def _stops(summary: Summary) -> list[Disturbance]:
    return [stop for health in summary.health.values() for stop in health.disturbances.worst(*OF_THE_LOOP)]


def outcome_bracket(objective: Objective, view: View, observed: float, of: int) -> Bracket | None:
    """Of errors and successes, in shares of ``of`` calls: some may have failed by our own fault."""
    if objective.metric not in ("errors", "success"):
        return None
    ours = _ours(view) / of
    if objective.metric == "errors":
        return max(0.0, observed - ours), observed
    return observed, observed + ours


def _ours(view: View) -> int:
    """Failed calls that may be our fault, of those an objective looks at."""
    looked_at = [outcome for outcome in view.slice.outcomes if outcome.error and view.outcome in (None, outcome)]
    late = view.slice.count(_TIMEOUTS.intersection(looked_at))
    return min(late, _timed_out_in_stops(view)) + sum(
        group.count if view.cls is None else group.classes.get(view.cls, 0)
        for group in view.summary.errors.values()
        if group.outcome in looked_at and any(words in group.sample for words in SHORTAGES.values())
    )


def _timed_out_in_stops(view: View) -> int:
    """Time-outs in the seconds in which the generator stood still, and the one after."""
    summary, width = view.summary, view.summary.window_seconds
    seconds = {
        second
        for stop in _stops(summary)
        if stop.micros >= _STOOD_STILL * 1e6
        for second in range(max(0, stop.at) // 1_000_000 // width, stop.end // 1_000_000 // width + 2)
    }
    windows = [
        window for second in seconds for window in summary.between(second * width, (second + 1) * width, view.cls)
    ]
    return sum(window.outcomes.get(outcome, 0) for window in windows for outcome in _TIMEOUTS)
