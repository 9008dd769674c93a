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

__all__ = ["enough", "ranks"]

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


def _normal(count: int, share: float, tail: float) -> tuple[int, int]:
    reach = -NormalDist().inv_cdf(tail) * math.sqrt(count * share * (1 - share))
    return math.floor(count * share - reach), math.ceil(count * share + reach) + 1


def _exact(count: int, share: float, tail: float) -> tuple[int, int]:
    """From the binomial's distribution, taken over all that lies within 12 standard deviations."""
    centre, reach = count * share, 12 * math.sqrt(count * share * (1 - share)) + 12
    first, last = max(0, math.floor(centre - reach)), min(count, math.ceil(centre + reach))
    k = np.arange(first, last)
    steps = np.log((count - k) / (k + 1)) + math.log(share / (1 - share))
    start = (
        math.lgamma(count + 1) - math.lgamma(first + 1) - math.lgamma(count - first + 1)
        + first * math.log(share) + (count - first) * math.log1p(-share)
    )  # fmt: skip
    at_most = np.cumsum(np.exp(start + np.concatenate(([0.0], np.cumsum(steps)))))
    low = first + int(np.searchsorted(at_most, tail, side="right"))
    high = first + int(np.searchsorted(at_most, 1 - tail, side="left")) + 1
    return low, high
