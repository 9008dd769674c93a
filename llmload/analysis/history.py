"""One scenario over many runs: a figure of each, where its level changed, and whether it drifts.

Theory of operation. A run is one value of each figure; runs are independent of each other. Levels and their borders are
found by ``changes`` (ranks, so that one wild run is no change), with a chance of 5 % to find anything at all in a
history without a change: the figures share that chance (Bonferroni). What is found and is smaller than the smallest
change that matters is left out. A drift is the Theil-Sen slope over the runs of the present level, told where its
interval excludes zero.

The more figures are looked at, the more runs it takes: of one figure, 8 runs can show a change, of seven, 13 can; after
20 runs at one level, about 6 at the new one. Whether the latest run alone is worse is another question: compare it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from llmload.analysis.changes import LEAST, Change, change_points
from llmload.analysis.compare import Measure
from llmload.analysis.figure import RATES, Figure
from llmload.analysis.series import Floats, Series
from llmload.analysis.trend import slope_of
from llmload.metrics.summary import Summary

__all__ = ["FIGURES", "Line", "line_of", "value_of"]

FIGURES: Final = (
    Figure("ttft", "p50"), Figure("ttft", "p95"), Figure("latency", "p50"), Figure("latency", "p95"),
    Figure("errors", "rate"), Figure("goodput", "rate"), Figure("throughput", "output"),
)  # fmt: skip
"""What is followed where nobody says otherwise."""
_CHANCE: Final = 0.05
"""Of finding a change in any of the figures where nothing changed."""
_SEGMENT: Final = 2
"""Runs that a level has, at least."""


@dataclass(frozen=True)
class Line:
    """A figure over the runs. ``values``: in SI units, nan where a run has none. ``changes``: those that matter.
    ``drift``: growth over the runs of the present level, as a share of it (of shares: a difference), with its 95 %
    interval; None where there is none beyond doubt."""

    figure: Figure
    values: Floats
    changes: tuple[Change, ...] = ()
    drift: tuple[float, tuple[float, float]] | None = None

    @property
    def known(self) -> Floats:
        """The values there are."""
        return self.values[~np.isnan(self.values)]

    @property
    def level(self) -> float:
        """The median since the last change; nan without values."""
        if self.changes:
            return self.changes[-1].after
        return float(np.median(self.known)) if len(self.known) else math.nan

    def worse(self, change: Change) -> bool:
        """Whether a change was one for the worse."""
        return (change.after > change.before) == (self.figure.better == "lower")

    @property
    def worsened(self) -> bool:
        """Whether the present level is worse than the one before it."""
        return bool(self.changes) and self.worse(self.changes[-1])


def value_of(summary: Summary, figure: Figure, cls: str | None = None) -> float:
    """The figure of one run, of its measured calls; of one class if named. nan where there is nothing of the kind."""
    if cls is not None and not any(key.cls == cls for key in summary.cells):
        return math.nan
    if str(figure) in RATES:
        return _rate(summary, RATES[str(figure)], cls)
    calls = summary.select(measured=True, **({} if cls is None else {"class": cls}))
    if figure.share:
        judged = calls.ok + calls.errors
        return (calls.errors if figure.metric == "errors" else calls.ok) / judged if judged else math.nan
    values = calls.histogram(figure.metric)
    if not values.count:
        return math.nan
    return (values.mean if figure.percentile is None else values.quantile(figure.percentile)) * figure.factor


def _rate(summary: Summary, counts: Sequence[str], cls: str | None) -> float:
    spans = [(phase.start, min(phase.end, summary.elapsed)) for phase in summary.phases if phase.measure]
    spans = [span for span in spans if span[1] > span[0]] if summary.phases else [(0.0, summary.elapsed)]
    series = [Series.of(summary, cls, span) for span in spans]
    seconds = sum(each.width * len(each) for each in series)
    happened = sum(float(getattr(each, name).sum()) for each in series for name in counts)
    return happened / seconds if seconds and summary.windows else math.nan


def line_of(figure: Figure, values: Floats, measure: Measure) -> Line:
    """What became of a figure, from its value in each run in their order; one of ``measure.figures``."""
    effect = measure.effect(figure)
    found = _settled(values, change_points(values, chance=_CHANCE / max(1, len(measure.figures))))
    changes = tuple(change for change in found if _matters(change, effect.size, figure))
    return Line(figure, values, changes, _drift(values[changes[-1].at if changes else 0 :], figure, effect.size))


def _settled(values: Floats, found: Sequence[Change]) -> Iterator[Change]:
    """The same changes at the run that divides both levels best, by least absolute deviations from their medians: ranks
    can tell that there is a border, and may miss it by a run."""
    if not found:
        return
    known = np.flatnonzero(~np.isnan(values))
    series = values[known]
    edges = [0, *(int(np.searchsorted(known, change.at)) for change in found), len(series)]
    for n in range(1, len(edges) - 1):
        start, stop = edges[n - 1], edges[n + 1]
        edges[n] = min(
            range(start + _SEGMENT, stop - _SEGMENT + 1),
            key=lambda at, a=start, b=stop: _scatter(series[a:at]) + _scatter(series[at:b]),  # type: ignore[misc]
            default=edges[n],
        )
    levels = [float(np.median(series[a:b])) for a, b in pairwise(edges)]
    for n, at in enumerate(edges[1:-1]):
        yield Change(int(known[at]), levels[n], levels[n + 1])


def _scatter(values: Floats) -> float:
    return float(np.abs(values - np.median(values)).sum())


def _matters(change: Change, size: float, figure: Figure) -> bool:
    """As in comparisons: a share by its difference, other figures by their ratio, up or down."""
    if figure.share or change.before <= 0 or change.after <= 0:
        return abs(change.after - change.before) >= size
    return abs(math.log(change.ratio)) >= math.log1p(size)


def _drift(values: Floats, figure: Figure, size: float) -> tuple[float, tuple[float, float]] | None:
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < LEAST:
        return None
    at, levels = known.astype(float), values[known]
    slope, ends, _ = slope_of(at, levels)
    unit = 1.0 if figure.share else float(np.median(levels))
    span = float(at[-1] - at[0])
    if ends is None or unit <= 0 or ends[0] <= 0 <= ends[1]:
        return None
    growth = slope * span / unit
    return (growth, (ends[0] * span / unit, ends[1] * span / unit)) if abs(growth) >= size else None
