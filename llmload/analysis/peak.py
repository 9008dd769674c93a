"""The value at which a figure is best, where it rises and then falls (or levels off): which one to try next, and what
is known. Pure.

Doubling from a start while the figure clearly grows, halving while less is as good; then the middle (geometric) of the
wider gap beside the best values, until their neighbours are near enough. Two figures differ where they are more than
two standard errors apart. Of values that are as good, the smallest is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmload.analysis.search import Aim, Ended

__all__ = ["Measured", "Peak", "next_best", "peak"]

_APART: Final = 2.0
"""Standard errors of a difference."""
_MOST_WITHOUT: Final = 4
"""Steps in a row without a figure, after which it has no sense to go on."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, larger is better, with its standard error; None where there is none to be had: the step was INVALID, or
    the objectives were missed."""

    value: float
    figure: float | None
    error: float = 0.0

    def worse(self, than: Measured) -> bool:
        """Clearly; a value without a figure is."""
        if self.figure is None or than.figure is None:
            return self.figure is None and than.figure is not None
        return than.figure - self.figure > _APART * math.hypot(self.error, than.error)


@dataclass(frozen=True, slots=True)
class Peak:
    """``value``: the smallest of those that are as good as the best, from ``low`` to ``high``, with its ``figure``;
    None where no step gave one."""

    value: float | None
    figure: float | None
    low: float
    high: float
    ended: Ended


def next_best(aim: Aim, measured: Sequence[Measured]) -> float | None:
    """What to try next; None when the search is over."""
    if _ended(measured, aim) or not (wanted := _wanted(aim, measured)):
        return None
    return wanted


def peak(aim: Aim, measured: Sequence[Measured]) -> Peak:
    """What is known so far."""
    best = _best(measured)
    if best is None:
        return Peak(None, None, 0.0, 0.0, _ended(measured, aim) or Ended.LOWEST)
    first = _first(measured, best)
    high = max(each.value for each in _good(measured, best))
    over = Ended.FOUND if next_best(aim, measured) is None else Ended.NOT
    return Peak(first.value, first.figure, first.value, high, _ended(measured, aim) or over)


def _best(measured: Sequence[Measured]) -> Measured | None:
    known = [each for each in measured if each.figure is not None]
    return max(known, key=lambda each: each.figure or 0.0, default=None)


def _ended(measured: Sequence[Measured], aim: Aim) -> Ended:
    last = measured[-_MOST_WITHOUT:]
    if len(last) == _MOST_WITHOUT and all(each.figure is None for each in last):
        return Ended.INVALID
    return Ended.STEPS if len(measured) >= aim.most else Ended.NOT


def _wanted(aim: Aim, measured: Sequence[Measured]) -> float | None:
    """None: nothing worth a try is left."""
    if not measured:
        return aim.start
    best, values = _best(measured), [each.value for each in measured]
    if best is None:
        return _new(aim, min(values) / 2, values)
    first, good = _first(measured, best), _good(measured, best)
    before, below = (_neighbour(measured, each.value, -1) for each in (best, first))
    above = _neighbour(measured, best.value, 1)
    if above is None and (before is None or before.worse(best)) and (higher := _new(aim, 2 * best.value, values)):
        return higher
    if below is None and (lower := _new(aim, first.value / 2, values)):
        return lower
    gaps = [(side, end) for side, end in ((below, first), (above, best)) if side is not None and side.worse(best)]
    for side, end in sorted(gaps, key=lambda gap: -_distance(*gap)):
        far = _distance(side, end) > 2 * math.log1p(aim.precision)
        if far and (middle := _new(aim, math.sqrt(side.value * end.value), values)):
            return middle
    if len(good) == 2 and _distance(*good) > 2 * math.log1p(aim.precision):  # the peak may lie between them
        return _new(aim, math.sqrt(good[0].value * good[1].value), values)
    return None


def _good(measured: Sequence[Measured], best: Measured) -> list[Measured]:
    return [each for each in measured if each.figure is not None and not each.worse(best)]


def _first(measured: Sequence[Measured], best: Measured) -> Measured:
    """Of those that are as good, the one of the smallest value."""
    return min(_good(measured, best), key=lambda each: each.value)


def _neighbour(measured: Sequence[Measured], value: float, side: int) -> Measured | None:
    """The next one tried, below (-1) or above (1)."""
    beyond = [each for each in measured if (each.value - value) * side > 0]
    return min(beyond, key=lambda each: abs(each.value - value), default=None)


def _distance(one: Measured, other: Measured) -> float:
    return abs(math.log(one.value / other.value))


def _new(aim: Aim, value: float, tried: Sequence[float]) -> float | None:
    """What may be tried instead, if it hasn't been."""
    allowed = aim.allowed(value)
    return None if allowed in tried else allowed
