"""What happened so far, in few enough points for a browser that opens late to get them all at once.

A point covers ``step`` seconds, one at first. Whenever there would be more than ``MOST`` of them, pairs become one:
however long a run is, its history stays bounded, and whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from llmload.dashboard.digest import LATE
from llmload.dashboard.web.panels import PANELS, Panel, column_of, observed_panels
from llmload.metrics.observed import mean_of
from llmload.metrics.sparse import Sparse
from llmload.metrics.summary import Summary
from llmload.metrics.windows import Window, Windows, coarsen

__all__ = ["MOST", "History", "Point"]

MOST: Final = 600
_SETTLED: Final = 5.0
"""Seconds after which no worker has anything to add to a window any more."""
_PERCENTILES: Final = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
_ALL: Final = ""

Point = tuple[float | None, ...]
"""A value for each of the history's ``columns``; None where there is none."""


class History:
    """Grows with the Summary of one run."""

    def __init__(self) -> None:
        self.step = 1
        self.panels: tuple[Panel, ...] = PANELS
        self.points: dict[int, Point] = {}
        """Number of the step, from the start of the run -> what happened in it."""
        self._settled: Windows = {}
        """Those to which nothing is added any more, the first ones, without a gap; all classes in one."""
        self._lags: dict[int, float] = {}
        self._since = 0.0

    @property
    def columns(self) -> list[str]:
        """The order of the values of a point."""
        return [line.column for panel in self.panels for line in panel.lines]

    def lag(self, at: float, seconds: float) -> None:
        """Calls that came in ``at`` seconds after the start were sent so late; of a step the worst is kept."""
        number = int(at // self.step)
        self._lags[number] = max(self._lags.get(number, 0.0), seconds)

    def grow(self, summary: Summary, over: bool = False) -> list[int] | None:
        """Take in what is new, and say which points have changed; None: all of them, as do the columns or the step.
        ``over``: nothing more is to come."""
        panels = (*PANELS, *observed_panels(summary.observed))
        anew = panels != self.panels
        self.panels = panels
        until = summary.elapsed if over else summary.elapsed - LATE
        while max(until / self.step, 1.0) > MOST or self.step < summary.window_seconds:
            self._thin()
            anew = True
        first = 0 if anew else int(max(0.0, self._since - _SETTLED) // self.step)
        numbers = range(first, math.ceil(until / self.step - 1e-9))
        for number in numbers:
            self._draw(number, summary, until)
        self._since = max(self._since, until)
        return None if anew else [number for number in numbers if number in self.points]

    def _thin(self) -> None:
        self.step *= 2
        self._settled.pop(len(self._settled) - len(self._settled) % 2, None)  # one that has no partner yet
        self._settled = coarsen(self._settled, 2)
        lags, self._lags = self._lags, {}
        for number, seconds in lags.items():
            self._lags[number // 2] = max(self._lags.get(number // 2, 0.0), seconds)
        self.points.clear()

    def _draw(self, number: int, summary: Summary, until: float) -> None:
        width = summary.window_seconds
        windows = range(number * self.step // width, min((number + 1) * self.step // width, int(until // width)))
        if not windows:
            return
        whole = self._settled.get(number, {}).get(_ALL)
        if whole is None:
            whole = Window()
            for window in windows:
                for part in summary.windows.get(window, {}).values():
                    whole.merge(part)
            if (number + 1) * self.step <= until - _SETTLED:
                self._settled[number] = {_ALL: whole}
        values = _values(whole, len(windows) * width)
        values["lag"] = self._lags.get(number)
        for observer, seen in summary.observed.items():
            for figure, samples in seen.figures.items():
                span = (number * self.step, (number + 1) * self.step)
                values[column_of(observer, figure)] = mean_of(samples.within([span]))
        self.points[number] = _rounded(values.get(column) for column in self.columns)


def _values(window: Window, seconds: int) -> dict[str, float | None]:
    """By column; rates per second, times in seconds."""
    values: dict[str, float | None] = {
        "planned": window.planned / seconds,
        "sent": window.sent / seconds,
        "completed": window.completed / seconds,
        "in_flight": window.in_flight,
        "tokens": window.output_tokens / seconds,
        "errors": window.errors / seconds,
    }
    for metric, sparse in window.series.items():
        histogram = Sparse.pooled([sparse])
        for name, p in _PERCENTILES.items():
            values[f"{metric}.{name}"] = histogram.percentile(p) / 1e6 if histogram.count else None
    return values


def _rounded(values: Iterable[float | None]) -> Point:
    """To five digits: more can't be seen."""
    return tuple(None if value is None else float(f"{value:.5g}") for value in values)
