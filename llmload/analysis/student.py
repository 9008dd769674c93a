"""Student's t and Fisher's F: probabilities and quantiles. ``freedom`` may be any number above 0, of t infinite too.

The distribution function is a regularised incomplete beta function, taken from its continued fraction (Lentz's method):
Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1, 26.6.2, 26.5.8 and 6.6.2.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

__all__ = ["at_most", "f_tail", "quantile"]

_NORMAL: Final = NormalDist()
_NORMAL_FROM: Final = 1e6
"""Degrees of freedom from which the normal distribution is the same to 6 digits."""
_CLOSE: Final = 1e-14
_TINY: Final = 1e-300


def at_most(t: float, freedom: float) -> float:
    """The probability of a value of at most ``t``."""
    if math.isinf(t):
        return 1.0 if t > 0 else 0.0
    if freedom > _NORMAL_FROM:
        return _NORMAL.cdf(t)
    tail = _beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return 1 - tail if t > 0 else tail


@lru_cache(maxsize=4096)
def quantile(share: float, freedom: float) -> float:
    """The value that ``share`` (0..1) of all values are at most, to 9 digits: by bisection."""
    if share < 0.5:
        return -quantile(1 - share, freedom)
    if freedom > _NORMAL_FROM:
        return _NORMAL.inv_cdf(share)
    low, high = 0.0, 1.0
    while at_most(high, freedom) < share:
        low, high = high, high * 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle, freedom) < share else (low, middle)
    return (low + high) / 2


def f_tail(f: float, over: float, under: float) -> float:
    """How likely a value of Fisher's F with ``over`` and ``under`` degrees of freedom is at least ``f``."""
    return 1.0 if f <= 0 else _beta(under / (under + over * f), under / 2, over / 2)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(scale + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value, step, m = d, 0.0, 0
    while abs(step - 1) > _CLOSE:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for factor in (even, odd):
            d = 1 / ((1 + factor * d) or _TINY)
            c = (1 + factor / c) or _TINY
            step *= d * c
            value *= d * c
    return value
