"""What an objective can be about: one row per metric and statistic.

Histogram metrics come from the metrics catalogue and all take the same statistics (``min mean stddev
max count`` and percentiles). Counters and rates are the table below: a new one is a row.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from llmload.clock import NS
from llmload.metrics.catalogue import METRICS
from llmload.metrics.intervals import enough
from llmload.verdict.analysed import BREAKING, RECOVERY, STEADY, TREND
from llmload.verdict.efficiency import EFFICIENCY
from llmload.verdict.kinds import Kind, Stat, kind_of_metric
from llmload.verdict.pair_stats import AGAINST, PAIR_STATS
from llmload.verdict.probes import PROBE_STATS
from llmload.verdict.served import BREAKER, FAILOVER
from llmload.verdict.spread import chi_square_even, jain
from llmload.verdict.target import TARGET_STATS, own_stat

if TYPE_CHECKING:
    from llmload.metrics.histogram import Histogram
    from llmload.metrics.slices import Slice
    from llmload.verdict.view import Flow, View

__all__ = [
    "AGAINST",
    "DIRECT",
    "NEEDED",
    "OBSERVED_METRICS",
    "OVER",
    "OVER_METRICS",
    "PERCENTILE",
    "SUMMARY_STATS",
    "WINDOWED_HISTOGRAMS",
    "at_the_end",
    "is_histogram_stat",
    "kind_of",
    "metrics",
    "needs",
    "needs_track",
    "samples_needed",
    "stat_of",
    "stats_of",
]


_FLOW: Final = frozenset({"class", "phase"})
_SCHEDULE: Final = frozenset({"phase"})


def _count(of: Callable[[View], float], help: str, windows: bool = False) -> Stat:
    """A count is known even when it is zero, but only if anything was called at all."""
    return Stat(Kind.COUNT, lambda view: (of(view) if view.calls else None, view.calls), help, windows=windows)


def _share(hits: Callable[[View], float], of: Callable[[View], float], help: str, windows: bool = False) -> Stat:
    return Stat(Kind.SHARE, lambda view: (hits(view), round(of(view))), help, windows=windows)


def _rate(of: Callable[[Flow], float], help: str, keys: frozenset[str] = _FLOW, kind: Kind = Kind.RATE) -> Stat:
    def read(view: View) -> tuple[float | None, int]:
        return (of(view.flow) / view.flow.seconds if view.flow.any else None), round(of(view.flow))

    return Stat(kind, read, help, keys)


def _over(of: Callable[[Sequence[Slice]], float | None], kind: Kind, help: str) -> Stat:
    """A figure over the values of a dimension: of those that occur, however many."""

    def read(view: View) -> tuple[float | None, int]:
        return of(list(view.parts.values())), sum(part.calls for part in view.parts.values())

    return Stat(kind, read, help, windows=False)


def _calls(parts: Sequence[Slice]) -> list[int]:
    return [part.calls for part in parts]


def _successes(parts: Sequence[Slice]) -> list[float]:
    """Of each value, the share of the answered calls that went well."""
    return [1.0 - part.error_rate for part in parts if part.ok + part.errors]


def _speeds(parts: Sequence[Slice]) -> list[float]:
    """Of each value, 1 / mean latency: more is better, as Jain's index has it."""
    means = [part.histogram("latency").mean for part in parts]
    return [1.0 / mean for mean in means if mean]


def _slowdown(speeds: Sequence[float]) -> float | None:
    return max(speeds) / min(speeds) if len(speeds) > 1 else None


def _above_zero(histogram: Histogram) -> int:
    return round(histogram.share_above(0) * histogram.count)


DIRECT: Final[Mapping[str, Mapping[str, Stat]]] = {
    "errors": {
        "rate": _share(lambda v: v.errors, lambda v: v.answered, "share of answered calls that failed", windows=True),
        "count": _count(lambda v: v.errors, "calls that failed", windows=True),
    },
    "success": {
        "rate": _share(lambda v: v.good, lambda v: v.answered, "share of answered calls that went well", windows=True),
        "count": _count(lambda v: v.good, "calls that went well", windows=True),
    },
    "goodput": {
        "rate": _rate(lambda f: f.goodput, "calls per second that met every per-request objective"),
        "share": _share(
            lambda v: v.slice.goodput, lambda v: v.calls, "share of calls that met every per-request objective"
        ),
        "count": _count(lambda v: v.slice.goodput, "calls that met every per-request objective"),
    },
    "rate": {
        "planned": _rate(lambda f: f.planned, "calls per second the schedule asked for", _SCHEDULE),
        "sent": _rate(lambda f: f.sent, "calls per second sent", _SCHEDULE),
        "completed": _rate(lambda f: f.completed, "calls per second that ended, well or not"),
        "succeeded": _rate(lambda f: f.ok, "calls per second that ended well"),
        "achieved": _share(
            lambda v: v.good,
            lambda v: v.calls,
            "share of the planned calls, as far as they are over, that ended well: "
            "failed, dropped and unfinished ones count against it",
            windows=True,
        ),
    },
    "throughput": {
        "output": _rate(lambda f: f.output_tokens, "output tokens per second, all streams", kind=Kind.SPEED),
        "input": _rate(lambda f: f.input_tokens, "input tokens per second", kind=Kind.SPEED),
        "total": _rate(lambda f: f.input_tokens + f.output_tokens, "tokens per second, both ways", kind=Kind.SPEED),
    },
    "in_flight": {
        "max": Stat(
            Kind.COUNT,
            lambda v: (v.flow.in_flight or None, round(v.flow.seconds)),
            "most calls in flight at once, as sampled each second",
            _SCHEDULE,
        ),
    },
    "calls": {
        "count": _count(lambda v: v.calls, "calls that came to any end"),
        "answered": _count(lambda v: v.answered, "calls that ended well or failed, while the run lasted"),
    },
    "attempts": {
        "further": _count(lambda v: v.slice.further_attempts, "attempts beyond the first of each call"),
    },
    "dropped": {
        "count": _count(lambda v: v.slice.dropped, "arrivals dropped at the cap on calls in flight"),
        "rate": _share(lambda v: v.slice.dropped, lambda v: v.calls, "share of calls dropped at the cap"),
    },
    "unfinished": {
        "count": _count(lambda v: v.slice.unfinished, "calls still running when the run ended"),
        "rate": _share(lambda v: v.slice.unfinished, lambda v: v.calls, "share of calls still running at the end"),
    },
    "stall": {
        "share": _share(
            lambda v: v.slice.stalled_calls, lambda v: v.slice.streams, "share of streams with at least one stall"
        ),
        "count": _count(lambda v: v.slice.stalls, "stalls in all streams"),
        "total": Stat(
            Kind.DURATION,
            lambda v: (v.slice.stall_ns / NS if v.calls else None, v.slice.stalls),
            "time spent stalled, all streams",
            windows=False,
        ),
    },
    "input_tokens": {"total": _count(lambda v: v.slice.input_tokens, "input tokens of good calls")},
    "output_tokens": {"total": _count(lambda v: v.slice.output_tokens, "output tokens of good calls")},
    "cached_tokens": {
        "hits": _share(
            lambda v: _above_zero(v.histogram("cached_tokens")),
            lambda v: v.histogram("cached_tokens").count,
            "share of good calls, of those whose usage says so, whose prompt the server had in its cache, wholly or in "
            "part",
        ),
    },
    "cost": {
        "total": Stat(
            Kind.MONEY,
            lambda v: (v.slice.cost if v.calls else None, v.calls),
            "dollars, by the scenario's prices",
            windows=False,
        ),
    },
    "spread": {
        "even": _over(
            lambda parts: chi_square_even(_calls(parts)), Kind.PROBABILITY,
            "p-value of a chi-square test that calls go to every value with the same chance",
        ),
        "largest": _over(
            lambda parts: max(_calls(parts), default=0), Kind.SHARE, "share of the calls that the busiest value has"
        ),
        "fairness": _over(lambda parts: jain(_calls(parts)), Kind.PROBABILITY, "Jain's index of the calls per value"),
        "values": _over(lambda parts: len(parts) or None, Kind.COUNT, "values that occur"),
    },
    "failover": FAILOVER,
    "breaker": BREAKER,
    "recovery": RECOVERY,
    "breaking": BREAKING,
    "trend": TREND,
    "steady": STEADY,
    "fairness": {
        "success": _over(
            lambda parts: jain(_successes(parts)), Kind.PROBABILITY, "Jain's index of the success rates of the values"
        ),
        "speed": _over(
            lambda parts: jain(_speeds(parts)), Kind.PROBABILITY,
            "Jain's index of 1 / mean latency of the values' good calls",
        ),
        "slowdown": _over(
            lambda parts: _slowdown(_speeds(parts)), Kind.RATIO,
            "mean latency of the slowest value over that of the fastest, of good calls",
        ),
    },
    "paired": PAIR_STATS,
    "target": MappingProxyType({**TARGET_STATS, **PROBE_STATS}),
    "efficiency": EFFICIENCY,
}  # fmt: skip
"""Metric -> statistic -> how to read it. A metric may stand here and in the catalogue: these come first."""

OVER: Final = "over"
"""The filter that names what a spread is taken over."""
OVER_METRICS: Final = ("spread", "fairness", "failover", "breaker")
OBSERVED_METRICS: Final = ("target", "efficiency")
"""What an observer sees, or is made of what it sees: they may name which one."""
_TRACK_METRICS: Final = ("failover", "breaker")
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(OVER_METRICS, (OVER,)),
    "paired": ("target", AGAINST),
}
"""The filters that a metric can't do without."""

PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,4})?)")
SUMMARY_STATS: Final = ("min", "mean", "stddev", "max", "count")
WINDOWED_HISTOGRAMS: Final = frozenset({"ttft", "itl", "latency"})
"""Those whose distribution is kept for every second."""


def metrics() -> list[str]:
    """Every metric an objective can name."""
    return [*METRICS, *(name for name in DIRECT if name not in METRICS)]


def stats_of(metric: str) -> list[str]:
    """The statistics of a metric, with ``p95`` standing for all percentiles."""
    direct = list(DIRECT.get(metric, ()))
    return direct + [stat for stat in ("p95", *SUMMARY_STATS) if metric in METRICS and stat not in direct]


def stat_of(metric: str, stat: str) -> Stat | None:
    """The row of a direct statistic; None where it is read from the metric's histogram."""
    return DIRECT.get(metric, {}).get(stat) or (own_stat(stat) if metric == "target" else None)


def is_histogram_stat(metric: str, stat: str) -> bool:
    """Whether the statistic is one that every histogram has."""
    match = PERCENTILE.fullmatch(stat)
    return metric in METRICS and (stat in SUMMARY_STATS or (match is not None and float(match[1]) > 0))


def kind_of(metric: str, stat: str) -> Kind:
    """How the bound of this metric and statistic is written; a plain number for one that only a newer version,
    whose result is read here, knows."""
    direct = stat_of(metric, stat)
    if direct is not None:
        return direct.kind
    return Kind.COUNT if stat == "count" or metric not in METRICS else kind_of_metric(metric)


def needs(metric: str) -> tuple[str, ...]:
    """The filters that a figure of the metric must have."""
    return NEEDED.get(metric, ())


def at_the_end(metric: str, stat: str) -> bool:
    """Whether an analysis of the whole run finds it."""
    direct = stat_of(metric, stat)
    return direct is not None and direct.find is not None


def needs_track(metric: str) -> bool:
    """Whether it is about who served when, of a label that the answers carry."""
    return metric in _TRACK_METRICS


def samples_needed(percentile: float, confidence: float = 0.99) -> int:
    """How many samples it takes to speak of a percentile (between 0 and 100): 662 for p99."""
    share = percentile / 100
    sizes = range(1, math.ceil(7 / min(share, 1 - share)) + 1)
    return sizes[bisect_left(sizes, True, key=lambda count: enough(count, share, confidence))]
