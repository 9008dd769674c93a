"""Two figures against each other: their difference or their ratio, with an interval made of both intervals.

The method is MOVER ("method of variance estimates recovery"): it needs nothing but each figure and its interval, so it
holds for shares, means and percentiles alike, and for independent figures only.
Sources: R. G. Newcombe, Interval estimation for the difference between independent proportions, 1998 (method 10);
G. Y. Zou and A. Donner, Construction of confidence limits about effect measures, 2008 (differences); A. Donner and
G. Y. Zou, Closed-form confidence intervals for functions of the normal mean and standard deviation, 2012 (ratios).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["RELATIONS", "bracket_of", "interval_of", "value_of"]

Interval = tuple[float, float]

RELATIONS: Final = ("-", "/")


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


_VALUES: Final[Mapping[str, Callable[[float, float], float | None]]] = {"-": lambda a, b: a - b, "/": _ratio}


def value_of(relation: str, a: float, b: float) -> float | None:
    """a - b or a / b; None for a ratio to 0."""
    return _VALUES[relation](a, b)


def interval_of(relation: str, a: float, b: float, of_a: Interval | None, of_b: Interval | None) -> Interval | None:
    """Of a - b or a / b; None where one side has none, or the other side of a ratio may be 0."""
    if of_a is None or of_b is None:
        return None
    return _INTERVALS[relation](a, b, of_a, of_b)


def _difference_interval(a: float, b: float, of_a: Interval, of_b: Interval) -> Interval:
    (low_a, high_a), (low_b, high_b) = of_a, of_b
    return a - b - math.hypot(a - low_a, high_b - b), a - b + math.hypot(high_a - a, b - low_b)


def _ratio_interval(a: float, b: float, of_a: Interval, of_b: Interval) -> Interval | None:
    (low_a, high_a), (low_b, high_b) = of_a, of_b
    under, over = high_b * (2 * b - high_b), low_b * (2 * b - low_b)
    if under <= 0 or over <= 0:
        return None
    low = (a * b - math.sqrt(max(0.0, (a * b) ** 2 - low_a * (2 * a - low_a) * under))) / under
    high = (a * b + math.sqrt(max(0.0, (a * b) ** 2 - high_a * (2 * a - high_a) * over))) / over
    return max(0.0, low), high


_INTERVALS: Final[Mapping[str, Callable[[float, float, Interval, Interval], Interval | None]]] = {
    "-": _difference_interval,
    "/": _ratio_interval,
}


def bracket_of(relation: str, of_a: Interval | None, of_b: Interval | None) -> Interval | None:
    """The least and the most that a - b or a / b can be where each lies somewhere in its own bracket."""
    if of_a is None or of_b is None:
        return None
    ends = value_of(relation, of_a[0], of_b[1]), value_of(relation, of_a[1], of_b[0])
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
