"""How evenly something is spread over the values of a dimension: pure functions of one figure per value."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["chi_square_even", "gamma_upper", "jain"]

_CLOSE = 1e-15
_TINY = 1e-300


def jain(values: Sequence[float]) -> float | None:
    """Jain's fairness index: 1 where all are equal, 1/n where one has everything; None without anything to share.

    Source: R. Jain, D. Chiu, W. Hawe, A quantitative measure of fairness and discrimination, DEC-TR-301, 1984.
    """
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else None


def chi_square_even(counts: Sequence[int]) -> float | None:
    """Pearson's chi-square test: how likely counts at least as uneven are, if each call goes to any value with the same
    chance. None with fewer than two values, of which nothing can be said."""
    total = sum(counts)
    if len(counts) < 2 or not total:
        return None
    expected = total / len(counts)
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    return gamma_upper((len(counts) - 1) / 2, statistic / 2)


def gamma_upper(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0.

    By its series below a + 1 and by its continued fraction (Lentz's method) above: Abramowitz and Stegun, Handbook of
    Mathematical Functions, 6.5.29 and 6.5.31.
    """
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    return max(0.0, 1.0 - front * _series(a, x)) if x < a + 1 else front * _fraction(a, x)


def _series(a: float, x: float) -> float:
    term = total = 1.0 / a
    while term > total * _CLOSE:
        a += 1
        term *= x / a
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    value, step, n = d, 0.0, 0
    while abs(step - 1) > _CLOSE * 10:
        n += 1
        factor = n * (a - n)
        b += 2
        d = 1 / ((factor * d + b) or _TINY)
        c = (b + factor / c) or _TINY
        step = c * d
        value *= step
    return value
