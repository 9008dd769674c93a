"""Trends over time: a robust slope with an interval that holds where neighbouring values are alike.

The slope is the median of the slopes between all pairs of points (Theil and Sen): a quarter of the points may be wild
without moving it far. Its interval is made of the ranks of these slopes by the variance of Kendall's S, which is
widened by the number of independent values that an autoregressive series (of order 1, the residuals' own) is worth,
and with the quantile of Student's t for so many.

Sources: P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, 1968; S. Yue and C. Y. Wang, The
Mann-Kendall test modified by effective sample size, 2004; M. G. Kendall, Note on bias in the estimation of
autocorrelation, 1954.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from llmload.analysis.cusum import students_t
from llmload.analysis.pace import Span, pace
from llmload.analysis.series import Floats, Series
from llmload.metrics.summary import Summary
from llmload.units import format_seconds

__all__ = ["LEAST", "Trend", "slack", "slope_of", "steady_load", "trend_of", "trend_of_level"]

LEAST: Final = 8
"""Points without which nothing is said of a trend."""
_MOST: Final = 60
"""Points at most: a longer series is averaged in as many stretches, which makes neighbours less alike, too."""
_Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Trend:
    """``growth`` over the whole span (``seconds``), with its 95 % ``interval`` (None where the points are too few for
    one): a share of the level, or, of errors, a difference of shares. ``points``: those it is made of; ``worth``:
    independent ones that they are worth."""

    growth: float
    interval: tuple[float, float] | None
    seconds: float
    points: int
    worth: float

    @property
    def rising(self) -> bool:
        """It grows beyond doubt: the interval is above 0."""
        return self.interval is not None and self.interval[0] > 0

    def words(self) -> str:
        """What it is made of, in words."""
        return (
            f"over {format_seconds(self.seconds)}, from {self.points} stretches worth {self.worth:.0f} independent ones"
        )


def slope_of(at: Floats, values: Floats) -> tuple[float, tuple[float, float] | None, float]:
    """The slope, its 95 % interval (None where there are too few points for one), and how many independent points the
    given ones are worth. At least two points, at different times."""
    i, j = np.triu_indices(len(at), 1)
    slopes = np.sort((values[j] - values[i]) / (at[j] - at[i]))
    slope = float(np.median(slopes))
    count, widened = len(at), _widening(values - slope * at)
    worth = count / widened
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18 * widened)
    reach = students_t(_Z, max(worth, 2.0)) * spread
    low, high = math.floor((len(slopes) - reach) / 2), math.ceil((len(slopes) + reach) / 2)
    if low < 1 or high >= len(slopes):
        return slope, None, worth
    return slope, (float(slopes[low - 1]), float(slopes[high])), worth


def _widening(residuals: Floats) -> float:
    """Points that are worth one independent point, on average."""
    centred, count = residuals - residuals.mean(), len(residuals)
    power = float(centred @ centred)
    r = float(centred[1:] @ centred[:-1]) / power if power else 0.0
    r = min(max(r + (1 + 3 * r) / count, 0.0), 0.95) if power else 0.0
    lags = np.arange(1, count)
    return 1.0 + 2.0 * float(((1 - lags / count) * r**lags).sum())


def trend_of(summary: Summary, what: str, span: Span, cls: str | None = None) -> Trend | None:
    """Of ``latency``, ``ttft``, ``errors`` or ``in_flight`` over a span (s); of one class if named. None where there is
    too little to say.

    Of times, the logarithm is looked at, each class against its own geometric mean: a changed mix is no trend.
    """
    return _trend(*_points(summary, what, span, cls), span, _GROWTHS[what])


def trend_of_level(at: Floats, values: Floats, span: Span) -> Trend | None:
    """Of a figure sampled at these seconds of a span, as a share of its level; None where there is too little."""
    return _trend(at, values, np.ones(len(at)), span, _of_level)


def _trend(
    at: Floats, values: Floats, weights: Floats, span: Span, growth: Callable[[float, Floats], float]
) -> Trend | None:
    at, values = _averaged(at, values, weights)
    if len(at) < LEAST:
        return None
    slope, bounds, worth = slope_of(at, values)
    seconds = span[1] - span[0]
    scaled = [growth(each * seconds, values) for each in (slope, *(bounds or ()))]
    return Trend(scaled[0], (scaled[1], scaled[2]) if bounds else None, seconds, len(at), worth)


def steady_load(summary: Summary, span: Span) -> bool:
    """Whether about as much was planned at the end of a span as at its beginning: growth by up to a tenth may be the
    randomness of arrivals."""
    series = Series.of(summary, "", span)
    at, planned = _averaged(series.at, series.planned, np.ones(len(series)))
    if len(at) < LEAST or not planned.any():
        return False
    change = slope_of(at, planned)[0] * (span[1] - span[0]) / float(planned.mean())
    return abs(change) < slack(summary, span)


def slack(summary: Summary, span: Span) -> float:
    """By which share what was planned may grow over a span of steady load: a tenth, or the randomness of arrivals."""
    planned = float(Series.of(summary, "", span).planned.sum())
    return max(0.1, 4.0 / math.sqrt(max(1.0, planned)))


def _of_level(change: float, values: Floats) -> float:
    """A level of 0, as that of a queue that is empty most of the time, counts as 1."""
    return change / (float(np.median(values)) or 1.0)


_GROWTHS: Final[Mapping[str, Callable[[float, Floats], float]]] = {
    "latency": lambda change, values: math.expm1(min(change, 50.0)),
    "ttft": lambda change, values: math.expm1(min(change, 50.0)),
    "errors": lambda change, values: change,
    "in_flight": _of_level,
}


def _points(summary: Summary, what: str, span: Span, cls: str | None) -> tuple[Floats, Floats, Floats]:
    """Where each is, its value, and how many calls stand behind it."""
    if what in ("latency", "ttft"):
        found = pace(summary, span, (), cls, what)
        if found is None:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        return found[0].at, found[0].slow, found[0].good
    series = Series.of(summary, cls, span)
    if what == "errors":
        return series.at, series.error_rate, series.ok + series.errors
    return series.at, series.in_flight, np.ones(len(series))


def _averaged(at: Floats, values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """At most so many points, each the mean of its part; those that nothing stands behind are left out."""
    factor = -(-len(at) // _MOST) if len(at) else 1
    whole = len(at) // factor
    parts = [part[: whole * factor].reshape(whole, factor) for part in (at, np.nan_to_num(values), weights)]
    calls = parts[2].sum(axis=1)
    known = calls > 0
    means = (parts[1] * parts[2]).sum(axis=1)[known] / calls[known]
    return parts[0].mean(axis=1)[known], means
