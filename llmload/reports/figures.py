"""The figures of a run that every report shows, worked out once: how much was called, how long it took."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmload.metrics.catalogue import METRICS, Metric, scale
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import CellKey, Slice, Summary
from llmload.records import Outcome
from llmload.reports.crossed import crossed_figures
from llmload.reports.efficient import efficiency_figures
from llmload.reports.observed import seen
from llmload.reports.paired import pair_figures
from llmload.reports.phases import phase_figures
from llmload.reports.slowed import slowdown_figures
from llmload.reports.slowest import slowest_figures
from llmload.verdict.view import planned_calls, whole_view

__all__ = [
    "GROUPS", "PERCENTILES", "Amount", "Distribution", "amounts", "distinct_slices", "distributions", "figures",
    "groups", "slices",
]  # fmt: skip

PERCENTILES: Final[Mapping[str, float]] = {
    "p50": 50.0,
    "p90": 90.0,
    "p95": 95.0,
    "p99": 99.0,
    "p99.9": 99.9,
    "p99.99": 99.99,
}

GROUPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("from the planned time: what users feel", ("ttft", "ttfo", "latency")),
    (
        "from send: what the target alone did",
        ("headers", "ttft_send", "latency_send", "server_time", "server_queue", "server_work", "overhead"),
    ),
    (
        "within answers",
        ("itl", "tpot", "tokens_per_second", "tokens_per_second_whole", "vectors_per_second", "round_trip", "stall"),
    ),
    ("calls that are tried again", ("attempts", "retry_wait")),
    ("connecting", ("connect", "dns", "tcp", "tls", "upload")),
    ("the generator itself", ("schedule_lag", "queue_wait")),
    (
        "per call",
        (
            "input_tokens",
            "planned_tokens",
            "token_error",
            "image_bytes",
            "output_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "cost",
        ),
    ),
)
"""How tables group the catalogue; a metric that isn't here comes last, under "other"."""

_UNCONNECTED: Final = frozenset({Outcome.CONNECT_ERROR, Outcome.TLS_ERROR, Outcome.TIMEOUT_CONNECT})
"""Outcomes of calls for which no connection was had."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How many calls got so far, how many per second of measured time, and which share of the planned ones."""

    name: str
    count: int
    rate: float
    share: float


def amounts(summary: Summary) -> list[Amount]:
    """Planned, sent, completed, succeeded and goodput of the measured phases.

    Counts are of the calls planned in them, whenever those were sent and ended, so that each is at most the one before;
    rates are of what happened in their time.
    """
    view = whole_view(summary, ())
    flow, calls = view.flow, view.slice
    planned = planned_calls(summary)
    rows = (
        ("planned", planned, flow.planned),
        ("sent", _sent(summary, planned), flow.sent),
        ("completed", calls.completed, flow.completed),
        ("succeeded", calls.ok, flow.ok),
        ("goodput", calls.goodput, flow.goodput),
    )
    seconds, base = flow.seconds, max(planned, 1)
    return [Amount(name, count, went / seconds if seconds else 0.0, count / base) for name, count, went in rows]


def _sent(summary: Summary, planned: int) -> int:
    """Of ``planned`` calls of the measured phases those that were sent, or for which no connection was had.

    All that completed were. Who else was is not known call by call, only how many: calls are sent in the order in which
    they are planned, so of those unfinished it was the ones of the first phases; beyond those, ones still in flight.
    (A connection that was lost after the call was sent is taken as one that was not had.)
    """
    place = {phase.name: number for number, phase in enumerate(summary.phases)}
    unmeasured = {phase.name for phase in summary.phases if not phase.measure}
    known = sum(part.completed - part.count(_UNCONNECTED) for part in summary.cells.values())
    left = max(0, summary.sent - known)
    sent = never = 0
    for key, part in sorted(summary.cells.items(), key=lambda cell: place.get(cell[0].phase, len(place))):
        begun = min(left, part.unfinished)
        left -= begun
        if key.phase not in unmeasured:
            sent += part.completed + begun
            never += part.calls - part.completed - begun
    return sent + min(left, max(0, planned - sent - never))


@dataclass(frozen=True, slots=True)
class Distribution:
    """A metric's values in few numbers, in the histogram's unit. The percentiles in ``supported`` are those that the
    sample is large enough for; the others are what was seen, and no more."""

    metric: Metric
    count: int
    minimum: float
    mean: float
    stddev: float
    maximum: float
    percentiles: Mapping[str, int]
    supported: frozenset[str]

    @classmethod
    def of(cls, metric: Metric, values: Histogram) -> Distribution:
        """Of a histogram that holds anything."""
        found = {name: values.percentile(p) for name, p in PERCENTILES.items()}
        supported = frozenset(name for name, p in PERCENTILES.items() if values.enough(p))
        return cls(metric, values.count, values.min, values.mean, values.stddev, values.max, found, supported)

    def to_json(self) -> dict[str, float | int | None]:
        """In SI units: seconds, tokens, tokens/s, dollars. A percentile the sample can't support is None."""
        unit = scale(self.metric)
        spread = {"min": self.minimum, "mean": self.mean, "stddev": self.stddev, "max": self.maximum}
        return {
            "count": self.count,
            **{name: _tidy(value * unit) for name, value in spread.items()},
            **{
                name: _tidy(value * unit) if name in self.supported else None
                for name, value in self.percentiles.items()
            },
        }


def _tidy(value: float) -> float:
    """Nine significant digits: all that was measured, none of the noise of binary fractions."""
    return float(f"{value:.9g}")


def distributions(calls: Slice) -> dict[str, Distribution]:
    """Of every metric that has values, in catalogue order. Time to first output is left out where it is the same
    as the time to first token: nothing was reasoned."""
    found = {name: calls.histogram(name) for name in METRICS}
    if "ttfo" in found and found["ttfo"] == found["ttft"]:
        del found["ttfo"]
    return {name: Distribution.of(METRICS[name], values) for name, values in found.items() if values.count}


def groups(found: Mapping[str, Distribution]) -> Iterator[tuple[str, list[Distribution]]]:
    """Distributions in the order and under the headings of ``GROUPS``; empty groups are left out."""
    placed = {name for _, names in GROUPS for name in names}
    rest = tuple(name for name in found if name not in placed)
    for title, names in (*GROUPS, ("other", rest)):
        rows = [found[name] for name in names if name in found]
        if rows:
            yield title, rows


def slices(summary: Summary) -> Iterator[tuple[str, dict[str, Slice]]]:
    """The cuts worth showing: every dimension that took more than one value, with the calls of each.

    Calls of unmeasured phases are left out, but for the cut by phase.
    """
    unmeasured = {info.name for info in summary.phases if not info.measure}
    for dimension, values in summary.dimensions().items():
        if len(values) < 2:
            continue
        parts = {value: Slice() for value in values}
        for key, cell in summary.cells.items():
            part = parts.get(key.value(dimension))
            if part is not None and (dimension == "phase" or key.phase not in unmeasured):
                part.merge(cell)
        yield dimension, parts


def distinct_slices(summary: Summary) -> Iterator[tuple[str, dict[str, Slice]]]:
    """Those of ``slices`` that cut the calls in different ways: one that divides them as another did (each class with
    a model of its own) has nothing to add."""
    seen: list[Collection[Collection[CellKey]]] = []
    for dimension, parts in slices(summary):
        found: dict[str, set[CellKey]] = {}
        for key in summary.cells:
            found.setdefault(key.value(dimension), set()).add(key)
        cut = {frozenset(keys) for keys in found.values()}
        if cut not in seen:
            seen.append(cut)
            yield dimension, parts


def _slice_json(calls: Slice) -> dict[str, Any]:
    return {
        "calls": calls.calls,
        "ok": calls.ok,
        "errors": calls.errors,
        "error_rate": _tidy(calls.error_rate),
        "goodput": calls.goodput,
        "input_tokens": calls.input_tokens,
        "output_tokens": calls.output_tokens,
        "cost": calls.cost,
        "metrics": {name: found.to_json() for name, found in distributions(calls).items()},
    }


def figures(summary: Summary) -> dict[str, Any]:
    """All of it as plain values, for those who read a result with ``jq``; derived, and never read back."""
    view = whole_view(summary, ())
    return {
        "measured_seconds": _tidy(view.flow.seconds),
        "amounts": {
            amount.name: {"count": amount.count, "rate": _tidy(amount.rate), "share": _tidy(amount.share)}
            for amount in amounts(summary)
        },
        "total": _slice_json(view.slice),
        "by": {
            dimension: {value: _slice_json(part) for value, part in parts.items()}
            for dimension, parts in slices(summary)
        },
        "paired": pair_figures(summary),
        "crossed": crossed_figures(summary),
        "against_baseline": phase_figures(summary),
        "slowdown": slowdown_figures(summary),
        "efficiency": efficiency_figures(summary),
        "slowest": slowest_figures(summary),
        "observed": {
            name: {figure: {of: _tidy(value) for of, value in row.items()} for figure, row in table.items()}
            for name, table in seen(summary).items()
        },
    }
