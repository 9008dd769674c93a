"""What is told to other systems while a run lasts: a Summary as named values with labels.

Names and units follow the conventions of Prometheus: seconds, ``_total`` of what only grows, base units in the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from llmload.metrics.catalogue import METRICS, Unit, scale
from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.summary import Summary
from llmload.verdict.judge import Judgement

__all__ = [
    "BOUNDS",
    "DISTRIBUTIONS",
    "Kind",
    "Labels",
    "Point",
    "Spread",
    "cell_labels",
    "distributions",
    "families",
    "points",
    "spread",
]

Labels = tuple[tuple[str, str], ...]
_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")

BOUNDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0,
    15.0, 20.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
"""Upper bounds (s) of the classes that distributions are told in, for systems that know no others."""

DISTRIBUTIONS: Final = (
    "ttft", "ttft_send", "ttfo", "latency", "latency_send", "itl", "tpot", "schedule_lag", "connect", "server_time",
    "server_queue", "server_work",
)  # fmt: skip
"""The metrics (all of time) whose distributions are told."""


class Kind(StrEnum):
    """What a value does as time goes by."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution of seconds. ``below``: how many values are at most each of BOUNDS (to the width of an HDR bucket,
    0.1 %); ``count`` of all, ``total`` their sum (s)."""

    below: tuple[int, ...]
    count: int
    total: float


@dataclass(frozen=True, slots=True)
class Point:
    """One value, or one distribution, of a series. ``name`` comes without the prefix ``llmload_``."""

    name: str
    kind: Kind
    help: str
    labels: Labels
    value: float | Spread


def spread(histogram: Histogram, unit: float, bounds: Sequence[float] = BOUNDS) -> Spread:
    """The histogram in the classes of ``bounds``; ``unit``: what its values are in theirs."""
    values, counts = histogram.nonzero()
    upto = np.concatenate(([0], counts.cumsum()))
    places = np.searchsorted(values * unit, bounds, side="right")
    return Spread(tuple(int(n) for n in upto[places]), histogram.count, histogram.total * unit)


def points(summary: Summary, judgements: Iterable[Judgement] = ()) -> list[Point]:
    """Everything that is told of ``summary``, in a fixed order: series of one name stand together."""
    found = [
        *_run(summary),
        *(point for key in sorted(summary.cells) for point in _cell(key, summary.cells[key])),
        *_generator(summary),
        *_observed(summary),
        *(point for judgement in judgements for point in _objective(judgement)),
    ]
    order = {name: n for n, name in enumerate(dict.fromkeys(point.name for point in found))}
    return sorted(found, key=lambda point: order[point.name])


def _run(summary: Summary) -> Iterator[Point]:
    for name, value, help in (
        ("planned_calls_total", summary.planned, "Calls that were due"),
        ("sent_calls_total", summary.sent, "Calls that were sent"),
        ("completed_calls_total", summary.completed, "Calls that ran to an end, good or bad"),
    ):
        yield Point(name, Kind.COUNTER, help, (), float(value))
    latest = max(summary.windows, default=None)
    flying = sum(window.in_flight for window in summary.windows[latest].values()) if latest is not None else 0
    yield Point("in_flight_calls", Kind.GAUGE, "Most calls in flight in the latest second", (), float(flying))
    yield Point("elapsed_seconds", Kind.GAUGE, "Seconds of the schedule covered", (), summary.elapsed)


def cell_labels(key: CellKey) -> Labels:
    """What a slice is of."""
    return (
        ("class", key.cls), ("target", key.target), ("model", key.model), ("phase", key.phase),
        *((label("tag", name), value) for name, value in key.tags),
    )  # fmt: skip


def label(kind: str, name: str) -> str:
    """The name of the label for what a scenario calls ``name``, where anything may stand."""
    return f"{kind}_{_NO_LABEL.sub('_', name)}"


def distributions(summary: Summary) -> Iterator[tuple[str, Labels, Histogram, float]]:
    """Name, labels and values of every distribution that ``points`` tells as a Spread, and what the values are in
    seconds."""
    for key in sorted(summary.cells):
        for name in DISTRIBUTIONS:
            histogram = summary.cells[key].histogram(name)
            if histogram.count:
                yield f"{name}_seconds", cell_labels(key), histogram, scale(METRICS[name])


def _cell(key: CellKey, part: Slice) -> Iterator[Point]:
    labels = cell_labels(key)
    for outcome, count in sorted(part.outcomes.items()):
        of = (*labels, ("outcome", str(outcome)))
        yield Point("calls_total", Kind.COUNTER, "Calls that are over, by how they ended", of, float(count))
    for name, value, help in _COUNTERS:
        yield Point(name, Kind.COUNTER, help, labels, value(part))
    for name in DISTRIBUTIONS:
        histogram = part.histogram(name)
        if histogram.count:
            metric = METRICS[name]
            yield Point(f"{name}_seconds", Kind.HISTOGRAM, metric.help, labels, spread(histogram, scale(metric)))


_COUNTERS: Final = (
    ("goodput_calls_total", lambda part: float(part.goodput), "Calls that met every per-request objective"),
    ("input_tokens_total", lambda part: float(part.input_tokens), "Tokens of the prompts of good calls"),
    ("output_tokens_total", lambda part: float(part.output_tokens), "Tokens of the answers of good calls"),
    ("cost_dollars_total", lambda part: part.cost, "Cost of all calls in US dollars, by the price table"),
    ("stalls_total", lambda part: float(part.stalls), "Gaps between chunks beyond the stall bound"),
)
assert all(METRICS[name].unit is Unit.TIME for name in DISTRIBUTIONS)


def _generator(summary: Summary) -> Iterator[Point]:
    for worker, health in sorted(summary.health.items()):
        labels = (("worker", str(worker)),)
        yield Point(
            "worker_cpu_share", Kind.GAUGE, "Mean share of one core that a worker used", labels, health.cpu.mean
        )


def _observed(summary: Summary) -> Iterator[Point]:
    help = "What was last seen of the target itself, by observer and figure"
    for name, seen in sorted(summary.observed.items()):
        for figure, samples in sorted(seen.figures.items()):
            if samples.bins:
                labels = (("observer", name), ("figure", figure))
                yield Point("observed", Kind.GAUGE, help, labels, samples.bins[max(samples.bins)].mean)
        if seen.probed is not None:
            stalls = float(len(seen.probed.stalls) + seen.probed.more)
            yield Point("observed", Kind.GAUGE, help, (("observer", name), ("figure", "stalls")), stalls)


def _objective(judgement: Judgement) -> Iterator[Point]:
    labels = (("rule", judgement.objective.rule),)
    yield Point("objective_met", Kind.GAUGE, "1 if the objective is met so far", labels, float(judgement.passed))
    if judgement.observed is not None:
        help = "What the objective is about, in its SI unit"
        yield Point("objective_observed", Kind.GAUGE, help, labels, float(judgement.observed))


def families(found: Sequence[Point]) -> dict[str, list[Point]]:
    """The points by name, in their order."""
    by_name: dict[str, list[Point]] = {}
    for point in found:
        by_name.setdefault(point.name, []).append(point)
    return by_name
