"""One side of a comparison: the runs that were made of it, and what they say of a figure.

What is taken as independent is chosen by what there is, for each figure and class:

- ``runs``: where both sides have two runs or more, each run is one value. Nothing else knows what differs from one run
  to the next.
- ``windows``: where there are ``LEAST_WINDOWS`` of them and calls enough in each, the bootstrap over blocks of windows.
  Windows hold histograms of ``ttft``, ``itl`` and ``latency``; other times are taken call by call, with errors larger
  by the factor by which those of ``latency.mean`` are.
- ``calls``: in short runs every call is one value. Calls that don't meet in the target are independent of each other;
  gaps within one stream never are, so ``itl`` has no interval then: compare ``tpot``.

One run against several (a new one against a baseline): all calls of the several are one sample, and what the runs
differ by beyond that is added to both errors: the variance between runs by R. DerSimonian and N. Laird, Meta-analysis
in clinical trials, 1986, where there are three or more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from llmload.analysis.bootstrap import Spread, percentile_spread, ratio_spread
from llmload.analysis.estimate import (
    Estimate,
    Method,
    mean_of_calls,
    of_runs,
    of_windows,
    percentile_of_calls,
    share_of_calls,
)
from llmload.analysis.figure import RATES, Figure
from llmload.analysis.series import Floats, Series
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Slice, Summary
from llmload.metrics.windows import SERIES

__all__ = ["LEAST_WINDOWS", "Side"]


LEAST_WINDOWS: Final = 60
_LEAST_CALLS: Final = 2.0
"""Per window, on average: with fewer, windows say no more than calls do."""
_MOST_WINDOWS: Final = 600
"""Neighbours are made one until there are no more."""
_LEAST_RUNS: Final = 3
"""From which on a variance between runs can be told."""
_FORM: Final = Figure("latency", "mean")


class _Part:
    """The calls of one class (None: all) in some runs, taken together."""

    def __init__(self, runs: Sequence[Summary], cls: str | None) -> None:
        self._runs, self._cls = runs, cls

    @cached_property
    def slice(self) -> Slice:
        whole = Slice()
        for run in self._runs:
            whole.merge(run.select(measured=True, **({} if self._cls is None else {"class": self._cls})))
        return whole

    @cached_property
    def series(self) -> list[Series]:
        """The measured stretches, in windows as wide as it takes for there to be few enough."""
        found = [Series.of(run, self._cls, span) for run in self._runs for span in _measured(run)]
        factor = -(-sum(len(each) for each in found) // _MOST_WINDOWS)
        return [each.regrouped(factor) if factor > 1 else each for each in found]

    def column(self, name: str) -> Floats:
        return np.concatenate([np.asarray(getattr(each, name), float) for each in self.series] or [np.zeros(0)])

    @cached_property
    def dense(self) -> bool:
        """Whether there are windows enough, with enough in them."""
        windows = sum(len(each) for each in self.series)
        return windows >= LEAST_WINDOWS and self.slice.completed >= _LEAST_CALLS * windows

    @cached_property
    def seconds(self) -> Floats:
        return np.concatenate([np.full(len(each), each.width) for each in self.series] or [np.zeros(0)])

    def histograms(self, metric: str) -> list[Histogram]:
        return [found for each in self.series for found in each.histograms(metric)]

    def estimate(self, figure: Figure, confidence: float) -> Estimate | None:
        """None where there is nothing of the kind."""
        if str(figure) in RATES:
            return self._rate(figure)
        if figure.share:
            return self._share(figure, confidence)
        values = self.slice.histogram(figure.metric)
        if not values.count:
            return None
        found = self._time(figure, values, confidence)
        return Estimate(found.value * figure.factor, found.below, found.above, found.freedom, found.count, found.method)

    def _time(self, figure: Figure, values: Histogram, confidence: float) -> Estimate:
        if self.dense and figure.metric in SERIES:
            found = self.histograms(figure.metric)
            value = values.mean if figure.percentile is None else values.quantile(figure.percentile)
            return of_windows(value, _spread(found, figure.percentile), len(found))
        if figure.metric == "itl":
            value = values.mean if figure.percentile is None else values.quantile(figure.percentile)
            return Estimate(value, math.inf, math.inf, 1.0, values.count, Method.NONE)
        if figure.percentile is None:
            return mean_of_calls(values).widened(*self._tied)
        return percentile_of_calls(values, figure.percentile, confidence).widened(*self._tied)

    @cached_property
    def _tied(self) -> tuple[float, float]:
        """By which factor errors are larger because calls depend on each other, and how well that is known."""
        values = self.slice.histogram(_FORM.metric)
        if not self.dense or not values.count:
            return 1.0, math.inf
        alone, spread = mean_of_calls(values), _spread(self.histograms(_FORM.metric), None)
        return (max(1.0, spread.error / alone.below), spread.freedom) if alone.below > 0 else (1.0, math.inf)

    def value(self, figure: Figure, confidence: float) -> float | None:
        """The figure alone: of a rate, short runs too say that."""
        if str(figure) in RATES:
            return float(self._counts(figure).sum() / self.seconds.sum()) if len(self.seconds) else None
        found = self.estimate(figure, confidence)
        return None if found is None else found.value

    def _counts(self, figure: Figure) -> Floats:
        counts: Floats = np.sum([self.column(name) for name in RATES[str(figure)]], axis=0)
        return counts

    def _rate(self, figure: Figure) -> Estimate | None:
        value = self.value(figure, 0.0)
        if value is None or not self.dense:
            return None
        counts = self._counts(figure)
        return of_windows(value, ratio_spread(counts, self.seconds), len(counts))

    def _share(self, figure: Figure, confidence: float) -> Estimate | None:
        calls = self.slice
        judged = calls.ok + calls.errors
        if not judged:
            return None
        found = share_of_calls(calls.errors if figure.metric == "errors" else calls.ok, judged, confidence)
        if not self.dense or not calls.errors:
            return found
        errors, answered = self.column("errors"), self.column("errors") + self.column("ok")
        alone = math.sqrt(calls.error_rate * (1 - calls.error_rate) / judged)
        spread = ratio_spread(errors, answered, log=False)
        return found.widened(max(1.0, spread.error / alone) if alone else 1.0, spread.freedom)


class Side:
    """Everything measured of one side."""

    def __init__(self, runs: Sequence[Summary]) -> None:
        self.runs = tuple(runs)
        self._parts: dict[tuple[int | None, str | None], _Part] = {}

    def classes(self) -> list[str]:
        """The request classes that occur in any run."""
        return sorted({key.cls for run in self.runs for key in run.cells})

    def estimate(self, figure: Figure, cls: str | None, confidence: float, runs: bool) -> Estimate | None:
        """What it says of a figure; None where there is nothing of the kind. ``runs``: each run is one value."""
        if not runs:
            return self._part(None, cls).estimate(figure, confidence)
        values = self.values(figure, cls, confidence)
        if str(figure) in RATES and not all(values):
            return None  # no logarithm of nothing; that calls failed is what errors.rate says
        made = of_runs(values, log=not figure.share) if values else None
        pooled = self._part(None, cls).estimate(figure, confidence) if figure.share else None
        if made is None or pooled is None:
            return made
        # Runs without a single error look alike, and still don't know their share exactly.
        below, above = max(made.below, pooled.below), max(made.above, pooled.above)
        return Estimate(made.value, below, above, made.freedom, made.count, made.method)

    def values(self, figure: Figure, cls: str | None, confidence: float) -> list[float]:
        """The figure of each run that has it."""
        found = (self._part(n, cls).value(figure, confidence) for n in range(len(self.runs)))
        return [each for each in found if each is not None]

    def between(self, metric: str, cls: str | None) -> Spread:
        """The standard deviation from run to run of the logarithm of the metric's mean, beyond what calls explain."""
        figure = Figure(metric, "mean")
        found = [self._part(n, cls).estimate(figure, 0.95) for n in range(len(self.runs))]
        known = [each for each in found if each is not None and each.value > 0 and 0 < each.below < math.inf]
        if len(known) < _LEAST_RUNS:
            return Spread(0.0, 1.0)
        return Spread(_der_simonian_laird(known), len(known) - 1)

    def _part(self, run: int | None, cls: str | None) -> _Part:
        if (run, cls) not in self._parts:
            self._parts[run, cls] = _Part(self.runs if run is None else self.runs[run : run + 1], cls)
        return self._parts[run, cls]


def _der_simonian_laird(runs: Sequence[Estimate]) -> float:
    weights = np.array([each.below**-2 for each in runs])
    values = np.log([each.value for each in runs])
    centre = (weights * values).sum() / weights.sum()
    excess = float((weights * (values - centre) ** 2).sum()) - (len(runs) - 1)
    under = float(weights.sum() - (weights**2).sum() / weights.sum())
    return math.sqrt(max(0.0, excess / under))


def _measured(run: Summary) -> list[tuple[float, float]]:
    """The stretches that count, in seconds since the start."""
    if not run.phases:
        return [(0.0, run.elapsed)]
    spans = [(phase.start, min(phase.end, run.elapsed)) for phase in run.phases if phase.measure]
    return [(start, end) for start, end in spans if end > start]


def _spread(windows: Sequence[Histogram], percentile: float | None) -> Spread:
    counts = np.array([float(each.count) for each in windows])
    if percentile is None:
        return ratio_spread(np.array([float(each.total) for each in windows]), counts)
    found = [each.counts() for each in windows]
    places = np.unique(np.concatenate([each.places for each in found]))
    table = np.zeros((len(found), len(places)))
    for row, each in enumerate(found):
        table[row, np.searchsorted(places, each.places)] = each.counts
    shape = windows[0].buckets
    edges = shape.lowest(places).astype(np.float64), (shape.highest(places) + 1).astype(np.float64)
    return percentile_spread(edges, table, percentile)
