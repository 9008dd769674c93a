"""What is plotted: the axis of time, and what was measured along it, one value per column."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from llmload.dashboard.digest import LATE
from llmload.metrics.buckets import COARSE
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Summary, Window

__all__ = ["Axis", "Series", "Tape", "axis_for", "clock", "errors", "in_flight", "planned", "sent", "ttft_p95"]

_SPAN: Final = 600.0
"""Seconds that a plot shows at most: a longer run scrolls, so that the last minutes stay readable."""
_AHEAD: Final = 0.15
"""Share of a scrolling plot that shows what is planned next."""
_SETTLED: Final = 5.0
"""Seconds after which no worker has anything to add to a window any more."""
_REMEMBERED: Final = 20_000
_NOTHING: Final[Mapping[str, Window]] = {}

Series = Sequence[float | None]
"""One value for each column; None where nothing is known (yet)."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The stretch of time that a plot shows: ``columns`` columns of ``step`` seconds from ``start``."""

    start: float
    step: float
    columns: int

    @property
    def end(self) -> float:
        """Where the last column ends."""
        return self.start + self.step * self.columns

    def span(self, column: int) -> tuple[float, float]:
        """From and to, in seconds, of one column."""
        return self.start + column * self.step, self.start + (column + 1) * self.step


def axis_for(elapsed: float, duration: float, columns: int) -> Axis:
    """The whole run if it is short, else the last minutes; moves in whole columns so that nothing jitters."""
    columns = max(1, columns)
    whole = max(duration, elapsed, 1.0)
    if whole <= _SPAN:
        return Axis(0.0, whole / columns, columns)
    step = float(max(1, math.ceil(_SPAN / columns)))
    seen = step * columns
    latest = min(elapsed + _AHEAD * seen, whole)
    first = min(max(0, math.ceil((latest - seen) / step)), math.floor(elapsed / step))
    return Axis(step * first, step, columns)


Fold = Callable[[Sequence[Mapping[str, Window]], int], float | None]
"""Neighbouring windows (class -> Window) and the seconds they are wide together -> a value."""


class Tape:
    """What was measured, one value per column; remembers columns in which nothing can change any more."""

    def __init__(self) -> None:
        self._settled: dict[tuple[str, float, float], float | None] = {}

    def read(self, name: str, fold: Fold, axis: Axis, summary: Summary) -> list[float | None]:
        """The series that ``fold`` (always the same for a ``name``) makes of the windows in each column."""
        if len(self._settled) > _REMEMBERED:
            self._settled.clear()
        series = []
        for column in range(axis.columns):
            start, end = axis.span(column)
            key = (name, axis.step, start)
            if key in self._settled:
                series.append(self._settled[key])
                continue
            value = _column(fold, start, end, summary) if start < summary.elapsed else None
            if end < summary.elapsed - _SETTLED:
                self._settled[key] = value
            series.append(value)
        return series

    def rate(self, rate: Callable[[float], float], start: float, end: float) -> float:
        """The planned rate in the middle of a column; ``rate`` is the same for the whole run."""
        key = ("rate", start, end)
        if (known := self._settled.get(key)) is None:
            known = self._settled[key] = rate((start + end) / 2)
        return known


def _column(fold: Fold, start: float, end: float, summary: Summary) -> float | None:
    width = summary.window_seconds
    complete = math.floor((summary.elapsed - LATE) / width)
    if end - start <= width:
        first = math.floor((start + end) / 2 / width)
        stop = first + 1
    else:
        first, stop = (math.ceil(edge / width - 1e-9) for edge in (start, end))
    windows = [summary.windows.get(number, _NOTHING) for number in range(first, min(stop, complete))]
    return fold(windows, len(windows) * width) if windows else None


def sent(windows: Sequence[Mapping[str, Window]], seconds: int) -> float:
    """Calls sent per second."""
    return sum(by_class[""].sent for by_class in windows if "" in by_class) / seconds


def planned(windows: Sequence[Mapping[str, Window]], seconds: int) -> float:
    """Calls that the schedule had per second."""
    return sum(by_class[""].planned for by_class in windows if "" in by_class) / seconds


def errors(windows: Sequence[Mapping[str, Window]], seconds: int) -> float:
    """Calls per second that the target failed."""
    return sum(window.errors for by_class in windows for window in by_class.values()) / seconds


def in_flight(windows: Sequence[Mapping[str, Window]], seconds: int) -> float:
    """The most calls open at once."""
    return max((by_class[""].in_flight for by_class in windows if "" in by_class), default=0)


def ttft_p95(windows: Sequence[Mapping[str, Window]], seconds: int) -> float | None:
    """In seconds, of the calls that ended; None if there were none."""
    merged = Histogram(COARSE)
    for by_class in windows:
        for window in by_class.values():
            if (part := window.series.get("ttft")) is not None:
                merged.add(part.counts())
    return merged.percentile(95) / 1e6 if merged.count else None


def clock(seconds: float) -> str:
    """ "0:07", "12:30", "3:04:05"."""
    minutes, second = divmod(max(0, math.floor(seconds + 1e-6)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
