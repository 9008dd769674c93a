"""Student's t and Fisher's F: what an interval of a mean and a test of a share of variance need."""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["beta_regularised", "f_tail", "t_quantile"]

_CLOSE = 1e-15
_TINY = 1e-300
_MOST_STEPS = 10_000


def beta_regularised(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b > 0, x from 0 to 1.

    By its continued fraction (Lentz's method): Abramowitz and Stegun, Handbook of Mathematical Functions, 26.5.8.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1.0 - beta_regularised(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    return front / a * _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or _TINY)
    value = d
    for m in range(1, _MOST_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            d = 1 / ((1 + term * d) or _TINY)
            c = (1 + term / c) or _TINY
            step *= c * d
        value *= step
        if abs(step - 1) < _CLOSE * 10:
            break
    return value


def f_tail(f: float, over: float, under: float) -> float:
    """How likely a value of Fisher's F with ``over`` and ``under`` degrees of freedom is at least ``f``."""
    return 1.0 if f <= 0 else beta_regularised(under / 2, over / 2, under / (under + over * f))


@lru_cache(maxsize=256)
def t_quantile(confidence: float, freedom: float) -> float:
    """How far from 0, to either side, that share of Student's t with ``freedom`` degrees of freedom lies."""
    low, high = 0.0, 1.0
    while _outside(high, freedom) > 1 - confidence:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _outside(middle, freedom) > 1 - confidence else (low, middle)
    return (low + high) / 2


def _outside(t: float, freedom: float) -> float:
    return beta_regularised(freedom / 2, 0.5, freedom / (freedom + t * t))
