"""What a sample can say about a percentile: order statistics, free of any assumption on the distribution.

If n values are independent, the number of them at or below the true p-quantile is binomial(n, p); so the
l-th and u-th smallest values enclose it with probability P(l <= B < u). Values of one stream or of one
overloaded second are not independent: there the true interval is wider.
Source: H. A. David, H. N. Nagaraja, Order Statistics, section 7.1.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["enough", "limits", "ranks"]

Floats = NDArray[np.float64]

_NORMAL_FROM: Final = 2500.0
"""Variance of the binomial from which its normal approximation is off by less than a rank."""


def enough(count: int, share: float, confidence: float) -> bool:
    """Whether ``count`` values support the percentile at ``share`` (0..1).

    They do when, were the percentile's true value the second largest one seen, having seen so few beyond it
    would be less likely than 1 - confidence: P(binomial(count, 1 - share) <= 1) < 1 - confidence. That is
    the early-stopping rule of MLPerf LoadGen with one value over the limit: 11 values for p50, 662 for
    p99, 6,636 for p99.9 at 99 %. Percentiles under 50 are judged by their lower tail.
    """
    body = max(share, 1 - share)
    if not 0 < body < 1 or count < 1:
        return False
    none = math.exp(count * math.log(body))
    return none + count * (1 - body) * none / body < 1 - confidence


@lru_cache(maxsize=1024)
def ranks(count: int, share: float, confidence: float) -> tuple[int, int] | None:
    """Ranks (from 1) of the values that enclose the quantile; None if the sample doesn't reach that far."""
    if not 0 < share < 1 or count < 1:
        return None
    tail = (1 - confidence) / 2
    normal = count * share * (1 - share) > _NORMAL_FROM
    low, high = _normal(count, share, tail) if normal else _exact(count, share, tail)
    return (low, high) if low >= 1 and high <= count else None


@lru_cache(maxsize=1024)
def limits(count: int, share: float, confidence: float) -> tuple[float | None, float | None]:
    """The same, but each end for itself (None for the one that the sample doesn't reach), and between two ranks where
    the confidence asks for it: 3.4 is 0.4 of the way from the third to the fourth value. Whole ranks are too wide in
    small samples; these are off by 1/n. Source: R. Beran and P. Hall, Interpolated nonparametric prediction intervals
    and confidence intervals, 1993.
    """
    if not 0 < share < 1 or count < 1:
        return None, None
    tail = (1 - confidence) / 2
    if count * share * (1 - share) > _NORMAL_FROM:
        low, high = _normal(count, share, tail)
        return low, high
    first, at_most = _distribution(count, share)
    low, high = _enclosing(first, at_most, tail)
    least, most = float(low), float(high)
    if first <= low and low - first < len(at_most):
        under = at_most[low - first - 1] if low > first else 0.0
        least += (tail - under) / (at_most[low - first] - under)
    if first < high <= first + len(at_most):
        under = at_most[high - first - 2] if high - first > 1 else 0.0
        most -= (at_most[high - first - 1] - (1 - tail)) / (at_most[high - first - 1] - under)
    return least if low >= 1 else None, most if high <= count else None


def _normal(count: int, share: float, tail: float) -> tuple[int, int]:
    reach = -NormalDist().inv_cdf(tail) * math.sqrt(count * share * (1 - share))
    return math.floor(count * share - reach), math.ceil(count * share + reach) + 1


def _exact(count: int, share: float, tail: float) -> tuple[int, int]:
    """From the binomial's distribution."""
    return _enclosing(*_distribution(count, share), tail)


def _enclosing(first: int, at_most: Floats, tail: float) -> tuple[int, int]:
    low = first + int(np.searchsorted(at_most, tail, side="right"))
    high = first + int(np.searchsorted(at_most, 1 - tail, side="left")) + 1
    return low, high


def _distribution(count: int, share: float) -> tuple[int, Floats]:
    """The binomial's, of first, first + 1, ...: all that lies within 12 standard deviations."""
    centre, reach = count * share, 12 * math.sqrt(count * share * (1 - share)) + 12
    first, last = max(0, math.floor(centre - reach)), min(count, math.ceil(centre + reach))
    k = np.arange(first, last)
    steps = np.log((count - k) / (k + 1)) + math.log(share / (1 - share))
    start = (
        math.lgamma(count + 1) - math.lgamma(first + 1) - math.lgamma(count - first + 1)
        + first * math.log(share) + (count - first) * math.log1p(-share)
    )  # fmt: skip
    return first, np.cumsum(np.exp(start + np.concatenate(([0.0], np.cumsum(steps)))))
