"""A result as charts see it: its name, and what happened in at most so many stretches of its time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from llmload.analysis.series import Floats, Series
from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Summary
from llmload.metrics.windows import MAX_WINDOWS
from llmload.reports.result import Result
from llmload.safe import clean

__all__ = ["STRETCHES", "Subject"]

STRETCHES: Final = 120
"""Stretches of time that a chart shows at most, and rows its table has: windows of a longer run are put together."""
_LONGEST_NAME: Final = 24


@dataclass(frozen=True)
class Subject:
    """``label`` tells it from others in the same chart; ``cls``: of one request class alone, else of all calls."""

    label: str
    result: Result
    cls: str | None = None

    @cached_property
    def series(self) -> Series:
        """The whole run, until its last call ended; the last stretch may reach beyond that."""
        summary = self.result.summary
        windows = _windows(summary)
        factor = max(1, math.ceil(windows / STRETCHES))
        stretches = math.ceil(windows / factor)
        span = (0.0, float(stretches * factor * summary.window_seconds))
        return Series.of(summary, self.cls, span).regrouped(factor)

    @cached_property
    def classes(self) -> tuple[Subject, ...]:
        """The same result, one request class at a time."""
        names = self.result.summary.dimensions()["class"]
        return tuple(Subject(clean(name, _LONGEST_NAME), self.result, name) for name in names)

    @cached_property
    def end(self) -> float:
        """When the last call ended, or the schedule, in seconds from the start."""
        summary = self.result.summary
        return max(_windows(summary) * summary.window_seconds, summary.elapsed, 1.0)

    @cached_property
    def edges(self) -> Floats:
        """Where the stretches begin and, one more, the last one ends."""
        at, width = self.series.at, self.series.width
        return np.append(at, min(self.end, at[-1] + width) if len(at) else 0.0)

    @property
    def middles(self) -> Floats:
        """The middle of every stretch."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    def rate(self, name: str) -> Floats:
        """One of the series' counts per second."""
        counts: Floats = getattr(self.series, name)
        return counts / np.diff(self.edges)

    def histograms(self, metric: str) -> Sequence[Histogram]:
        """The values of good calls in every stretch; in the units of the metric."""
        known = self.__dict__.setdefault("_histograms", {})
        if metric not in known:
            known[metric] = self.series.histograms(metric)
        found: Sequence[Histogram] = known[metric]
        return found

    def percentile(self, metric: str, p: float) -> Floats:
        """In seconds, of every stretch; nan where no call ended well."""
        unit = scale(METRICS[metric])
        return np.array([each.percentile(p) * unit if each.count else np.nan for each in self.histograms(metric)])


def _windows(summary: Summary) -> int:
    """Up to the last one. No run has more than so many: a damaged file that says otherwise is not followed."""
    return max(0, min(max(summary.windows, default=-1) + 1, MAX_WINDOWS))
