"""A Summary folded once into what the parts of the picture draw, so that no part merges histograms itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import POPULATIONS, Slice
from llmload.metrics.summary import Summary, Window
from llmload.records import Outcome

__all__ = ["DRAWN", "LATE", "Digest", "Now", "Row", "digest"]

RECENT: Final = 5
"""Seconds that the rates "of this moment" are the mean of."""
LATE: Final = 0.5
"""Seconds by which one worker's news may be older than another's: what is younger is not drawn yet."""
DRAWN: Final = ("ttft", "itl", "latency")
"""Metrics whose distributions are drawn, and so merged."""


@dataclass(slots=True)
class Now:
    """Rates per second of the last few whole seconds; ``goodput`` is a share of what ended, None if nothing did."""

    planned: float = 0.0
    sent: float = 0.0
    completed: float = 0.0
    output_tokens: float = 0.0
    goodput: float | None = None


@dataclass(slots=True)
class Row:
    """The calls of one class, or of all (name "")."""

    name: str = ""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    histograms: dict[str, Histogram] = field(default_factory=lambda: {name: Histogram() for name in DRAWN})
    now: Now = field(default_factory=Now)
    _percentiles: dict[tuple[str, float], int] = field(default_factory=dict)

    def percentile(self, metric: str, p: float) -> int:
        """Of one of ``DRAWN``, in microseconds; looked up once, as a row may be drawn many times."""
        key = (metric, p)
        if key not in self._percentiles:
            self._percentiles[key] = self.histograms[metric].percentile(p)
        return self._percentiles[key]

    def add(self, part: Slice) -> None:
        """Fold another slice in."""
        self.outcomes.update(part.outcomes)
        for name, histogram in self.histograms.items():
            if name in part.good:
                histogram.merge(part.good[name])

    def include(self, other: Row) -> None:
        """Fold another row in."""
        self.outcomes.update(other.outcomes)
        for name, histogram in self.histograms.items():
            histogram.merge(other.histograms[name])

    @property
    def calls(self) -> int:
        """Calls that ended, well or not."""
        return self.outcomes.total()

    @property
    def errors(self) -> int:
        """Calls that the target failed."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.error)

    @property
    def error_rate(self) -> float | None:
        """Failed of answered; None if nothing was answered."""
        good = sum(count for outcome, count in self.outcomes.items() if outcome.good)
        return self.errors / (good + self.errors) if good + self.errors else None


@dataclass(slots=True)
class Digest:
    """``total`` and ``classes`` (by name) are of the measured phases; ``warming``: of all, for want of
    others so far. ``lag`` is the schedule lag of every one of these calls.
    """

    total: Row
    classes: list[Row]
    lag: Histogram
    warming: bool


def digest(summary: Summary) -> Digest:
    """One pass over the cells, and one over the last few windows."""
    unmeasured = {info.name for info in summary.phases if not info.measure}
    rows, lag = _rows(summary, unmeasured)
    warming = not rows and bool(unmeasured)
    if warming:
        rows, lag = _rows(summary, set())
    total = Row()
    for row in rows.values():
        total.include(row)
    made = Digest(total, [rows[name] for name in sorted(rows)], lag, warming)
    _fill_now(made, summary)
    return made


def _rows(summary: Summary, without: set[str]) -> tuple[dict[str, Row], Histogram]:
    rows: dict[str, Row] = {}
    lag = Histogram()
    for key, part in summary.cells.items():
        if key.phase in without:
            continue
        rows.setdefault(key.cls, Row(key.cls)).add(part)
        for population in POPULATIONS:
            if (own := getattr(part, population).get("schedule_lag")) is not None:
                lag.merge(own)
    return rows, lag


def _fill_now(made: Digest, summary: Summary) -> None:
    width = summary.window_seconds
    last = math.floor((summary.elapsed - LATE) / width)
    recent = [summary.windows.get(number, {}) for number in range(max(0, last - math.ceil(RECENT / width)), last)]
    seconds = len(recent) * width
    made.total.now = _now([window for by_class in recent for window in by_class.values()], seconds)
    for row in made.classes:
        row.now = _now([by_class[row.name] for by_class in recent if row.name in by_class], seconds)


def _now(windows: Sequence[Window], seconds: int) -> Now:
    if not seconds:
        return Now()
    completed = sum(window.completed for window in windows)
    return Now(
        planned=sum(window.planned for window in windows) / seconds,
        sent=sum(window.sent for window in windows) / seconds,
        completed=completed / seconds,
        output_tokens=sum(window.output_tokens for window in windows) / seconds,
        goodput=sum(window.goodput for window in windows) / completed if completed else None,
    )
