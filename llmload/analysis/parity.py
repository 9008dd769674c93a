"""How alike two sides are as a whole: whether one is the other times a constant, and whether they move together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmload.analysis.compare import Row
from llmload.analysis.series import Series
from llmload.metrics.summary import Summary

__all__ = ["Parity", "correlation", "over_time", "parity", "rank_correlation"]

Floats = NDArray[np.float64]

_LEAST_FIGURES: Final = 3
_LEAST_WINDOWS: Final = 20
_MOST_WINDOWS: Final = 120


@dataclass(frozen=True, slots=True)
class Parity:
    """``factor``: what figures are multiplied by from A to B, as a geometric mean over those that are times;
    ``least`` and ``most``: the smallest and the largest of them. ``figures``: correlation of their logarithms
    (Pearson). ``over_time``: rank correlation (Spearman) of the mean latency of ``windows`` stretches of time, None
    where there are too few or the loads differ: whether what slows one down at some moment slows down the other."""

    factor: float
    least: float
    most: float
    count: int
    figures: float | None
    over_time: float | None = None
    windows: int = 0


def parity(rows: Sequence[Row], moving: tuple[float, int] | None = None) -> Parity | None:
    """Of one side against another; None with fewer than three times to go by. ``moving``: as ``over_time`` finds it."""
    times = [row.difference for row in rows if row.figure.unit == "s" and row.difference.ratio]
    if len(times) < _LEAST_FIGURES:
        return None
    a, b = (np.log([getattr(each, side).value for each in times]) for side in ("a", "b"))
    ratios = np.exp(b - a)
    together = correlation(a, b)
    over, windows = moving or (None, 0)
    return Parity(
        math.exp(float((b - a).mean())), float(ratios.min()), float(ratios.max()), len(times), together, over, windows
    )


def over_time(a: Summary, b: Summary) -> tuple[float, int] | None:
    """Rank correlation of the mean latency in stretches of time in which both have calls, and how many there are."""
    if a.window_seconds != b.window_seconds:
        return None
    both = [Series.of(run, None, (0.0, min(a.elapsed, b.elapsed))) for run in (a, b)]
    factor = max(1, -(-min(len(each) for each in both) // _MOST_WINDOWS))
    means = [each.regrouped(factor).mean("latency") for each in both]
    known = np.isfinite(means[0]) & np.isfinite(means[1])
    if known.sum() < _LEAST_WINDOWS:
        return None
    found = rank_correlation(means[0][known], means[1][known])
    return None if found is None else (found, int(known.sum()))


def correlation(a: Floats, b: Floats) -> float | None:
    """Pearson's; None where one of them never changes."""
    x, y = a - a.mean(), b - b.mean()
    under = math.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return float((x * y).sum()) / under if under else None


def rank_correlation(a: Floats, b: Floats) -> float | None:
    """Spearman's: Pearson's of the ranks, equal values sharing theirs."""
    return correlation(_ranks(a), _ranks(b))


def _ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Floats = (last - (counts - 1) / 2)[place]
    return shared
