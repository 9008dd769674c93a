"""How far off a figure can be because the generator was late.

A time that was measured is the true one plus what we were late by: M = T + E. So of the calls with M above m at most
the share P(E > e) has T below m - e, whatever e is and however T and E hang together:

    the true percentile p is at least  Q(p - P(E > e)) - e,  for every e

with Q the percentiles of M, which the report shows, and P(E > e) from the lags that were measured meanwhile. The best
of these lower bounds, taken from Q(p), is the largest error there can be. Where E is a sum (a call may have been sent
late and read late), the shares of its parts add up (Boole's inequality).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from llmload.metrics.disturbance import Disturbance
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Slice, Summary

__all__ = ["LATE_BY", "Lateness", "Tail", "largest_error", "mean_of", "tail", "tail_of"]

Tail = Sequence[tuple[float, float]]
"""(e, P(E > e)): delays in microseconds, and the share of times that were later than that."""

_AT: Final = (0.0, 50.0, 75.0, 90.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.9, 100.0)
"""Percentiles of the lag at which the bound is tried."""
_NONE: Final[Tail] = ((0.0, 0.0),)

LATE_BY: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("ttft", "ttfo", "latency"), ("sent", "read")),
    **dict.fromkeys(("ttft_send", "latency_send", "headers", "itl", "stall"), ("read",)),
}
"""Which of our delays a metric contains. (Those of `tpot` and tokens per second are spread over all chunks.)"""


def tail(lags: Histogram) -> Tail:
    """Of lags measured at many times."""
    if not lags.count:
        return _NONE
    delays = sorted({float(lags.percentile(p)) for p in _AT if p} | {0.0})
    return [(delay, lags.share_above(delay)) for delay in delays]


def tail_of(stops: Iterable[Disturbance], start: float, end: float) -> Tail:
    """Of a stretch of time (microseconds) in which the loop was stopped now and then: what came in at any moment of a
    stop had to wait for its end."""
    inside = [min(stop.end, end) - max(stop.at, start) for stop in stops if stop.at < end and stop.end > start]
    if not inside:
        return _NONE
    delays = sorted({0.0, *inside, *(length / 2 for length in inside)})
    return [(each, min(1.0, sum(max(0.0, stop - each) for stop in inside) / (end - start))) for each in delays]


def largest_error(measured: Histogram, percentile: float, *late: Tail) -> float:
    """The most that the percentile of ``measured`` can be too high, in its unit; ``late``: the delays in it."""
    reported, least = measured.percentile(percentile), 0.0
    for choice in product(*late):
        share = percentile - 100 * sum(part for _, part in choice)
        if share > 0:
            least = max(least, measured.percentile(share) - sum(delay for delay, _ in choice))
    return max(0.0, reported - least)


def mean_of(late: Tail) -> float:
    """The largest mean that a delay with this tail can have: the integral of P(E > e), taken in steps from above."""
    ends = [delay for delay, _ in late[1:]]
    return sum((end - start) * share for (start, share), end in zip(late, ends, strict=False))


@dataclass(frozen=True, slots=True)
class Lateness:
    """The delays of a run, or of the calls of it that an objective is about."""

    sent: Tail = _NONE
    read: Tail = _NONE

    @classmethod
    def of(cls, summary: Summary, calls: Slice) -> Lateness:
        """As they were over the whole run."""
        reading = Histogram()
        for health in summary.health.values():
            reading.merge(health.loop_lag)
        return cls(tail(calls.histogram("schedule_lag")), tail(reading))

    def error(self, metric: str, measured: Histogram, percentile: float) -> float:
        """The most that this percentile can be too high, in microseconds; 0.0 for metrics that no delay is in."""
        return largest_error(measured, percentile, *self._parts(metric))

    def mean_error(self, metric: str) -> float:
        """The same of the mean."""
        return sum(mean_of(part) for part in self._parts(metric))

    def _parts(self, metric: str) -> list[Tail]:
        return [getattr(self, part) for part in LATE_BY.get(metric, ())]
