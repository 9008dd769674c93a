"""What the figures of the target say of its resources: which grow at a steady load, and which are used up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmload.analysis.pace import Span
from llmload.analysis.trend import Trend, trend_of_level
from llmload.metrics.observed import Bin
from llmload.metrics.summary import Summary

__all__ = ["Filled", "Grown", "filled", "grown"]

_FULL: Final = 0.9
"""Share from which a resource is as good as used up: what waits for it waits long, by any model of a queue."""
_LASTING: Final = 3
"""Windows in a row that it takes: a moment is no saturation."""
_LIMITED: Final = ("cpu", "gpu", "cache")
_HELD: Final = ("memory", "queue", "threads", "fds", "connections")
_GROWN: Final = 0.1
"""Growth that is worth a word, where it is beyond doubt."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A resource that was used up: from when (s), for how many windows in all, and its mean share in these."""

    observer: str
    figure: str
    at: float
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Grown:
    """Something held that grew over a span, beyond doubt."""

    observer: str
    figure: str
    trend: Trend


def filled(summary: Summary) -> list[Filled]:
    """Of every observer, in measured time; what was used up first comes first."""
    spans = [(info.start, min(info.end, summary.elapsed)) for info in summary.phases if info.measure]
    found: list[Filled] = []
    for name, seen in summary.observed.items():
        for figure in _LIMITED:
            if figure in seen.figures:
                samples = seen.figures[figure]
                found += _filled(name, figure, samples.over(spans), samples.width)
    return sorted(found, key=lambda each: each.at)


def _filled(name: str, figure: str, points: Sequence[tuple[float, Bin]], width: int) -> Iterator[Filled]:
    full = [each.mean >= _FULL for _, each in points]
    for place in range(len(full) - _LASTING + 1):
        if all(full[place : place + _LASTING]):
            there = [each.mean for (_, each), is_full in zip(points, full, strict=True) if is_full]
            begun = points[place][0] - width / 2
            yield Filled(name, figure, begun, len(there) * width, sum(there) / len(there))
            return


def grown(summary: Summary, span: Span) -> list[Grown]:
    """Of every observer, over a span (s) of steady load; what grew most comes first."""
    found = []
    for name, seen in summary.observed.items():
        for figure in _HELD:
            points = seen.figures[figure].over([span]) if figure in seen.figures else []
            at, values = np.array([at for at, _ in points]), np.array([each.mean for _, each in points])
            trend = trend_of_level(at, values, span) if points else None
            if trend is not None and trend.interval is not None and trend.interval[0] > _GROWN:
                found.append(Grown(name, figure, trend))
    return sorted(found, key=lambda each: -each.trend.growth)
