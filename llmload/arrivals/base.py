"""What a curve is, and how its integral is inverted, one value or many at a time."""

from __future__ import annotations

import math
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BatchCurve",
    "ByArrays",
    "Curve",
    "Floats",
    "expected_all",
    "inverse",
    "inverse_all",
    "need",
    "rate_all",
    "solve",
]

Floats = NDArray[np.float64]

_GRID: Final = 4096
_ROUNDS: Final = 200
_NEAR: Final = 1e-11
"""Seconds; a schedule counts in nanoseconds."""


class Curve(Protocol):
    """Planned rate over time: a frozen, picklable value. Times are seconds, rates are per second."""

    @property
    def duration(self) -> float:
        """Length in seconds, > 0."""
        ...

    def rate(self, t: float) -> float:
        """Planned rate at ``t``; continuous from the right, the last level at ``duration``, 0 outside."""
        ...

    def expected(self, t: float) -> float:
        """Integral of ``rate`` from 0 to ``t``; ``t`` is clamped to [0, duration]."""
        ...

    def peak(self) -> float:
        """The highest rate (an upper bound where curved shapes are added)."""
        ...

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Curve:
        """The same shape with every rate times ``rate`` and every time times ``time``."""
        ...


@runtime_checkable
class BatchCurve(Protocol):
    """A curve that also answers for whole arrays, which is what makes schedules fast.

    Times are within [0, duration], values of ``s`` within [0, expected(duration)].
    """

    @property
    def duration(self) -> float:
        """Length in seconds, > 0."""
        ...

    def rate_all(self, times: Floats) -> Floats:
        """``rate`` for each time."""
        ...

    def expected_all(self, times: Floats) -> Floats:
        """``expected`` for each time."""
        ...

    def inverse_all(self, s: Floats) -> Floats:
        """``inverse`` for each value."""
        ...


class ByArrays:
    """``rate`` and ``expected`` of a curve that has them for arrays."""

    __slots__ = ()

    def rate(self: BatchCurve, t: float) -> float:
        """Planned rate at ``t``; the last level at ``duration``, 0 outside."""
        return float(self.rate_all(np.array([t]))[0]) if 0.0 <= t <= self.duration else 0.0

    def expected(self: BatchCurve, t: float) -> float:
        """Integral of the rate from 0 to ``t``."""
        return float(self.expected_all(np.array([min(max(t, 0.0), self.duration)]))[0])


def need(holds: bool, message: str) -> None:
    """Refuse a curve whose numbers make no sense: ``ValueError(message)`` unless ``holds``."""
    if not holds:
        raise ValueError(message)


def rate_all(curve: Curve, times: Floats) -> Floats:
    """``curve.rate`` of every time."""
    if isinstance(curve, BatchCurve):
        return curve.rate_all(times)
    return np.fromiter(map(curve.rate, times.tolist()), np.float64, len(times))


def expected_all(curve: Curve, times: Floats) -> Floats:
    """``curve.expected`` of every time."""
    if isinstance(curve, BatchCurve):
        return curve.expected_all(times)
    return np.fromiter(map(curve.expected, times.tolist()), np.float64, len(times))


def inverse(curve: Curve, s: float, lo: float = 0.0) -> float:
    """The time at which ``curve`` expects ``s`` arrivals to have come; never before ``lo``.

    Where nothing is expected for a while, the end of that while: the left end of the next rise.
    ``s`` at or beyond the whole gives ``duration``.
    """
    if s >= curve.expected(curve.duration):
        return curve.duration
    return max(lo, float(inverse_all(curve, np.array([max(0.0, s)]))[0]))


def inverse_all(curve: Curve, s: Floats) -> Floats:
    """``inverse`` of every value of ``s``, each within [0, expected(duration))."""
    if isinstance(curve, BatchCurve):
        return curve.inverse_all(s)
    return solve(curve, s)


def solve(curve: Curve, s: Floats) -> Floats:
    """``inverse_all`` for a curve of any shape: brackets from a grid, then Newton's method kept inside them.

    A step that would leave its bracket is replaced by halving, so convergence never depends on the shape. Exact
    to a hundredth of a nanosecond, or to the rounding of ``expected`` where that is coarser.
    """
    if not len(s):
        return s
    near = max(_NEAR, 2.0 * math.ulp(curve.duration))
    noise = 2.0 * math.ulp(curve.expected(curve.duration))
    lo, hi = _brackets(curve, s)
    found = lo.copy()
    open_ = np.arange(len(s))
    guess = (lo + hi) / 2.0
    for _ in range(_ROUNDS):
        excess = expected_all(curve, guess) - s[open_]
        slope = rate_all(curve, guess)
        below = excess <= 0.0
        lo, hi = np.where(below, guess, lo), np.where(below, hi, guess)
        met = (slope > 0.0) & (np.abs(excess) <= slope * near + noise)
        found[open_] = np.where(met, guess, hi)
        going = ~met & (hi - lo > near)
        if not going.any():
            break
        newton = guess - np.divide(excess, slope, out=np.full_like(excess, np.inf), where=slope > 0.0)
        guess = np.where((newton > lo) & (newton < hi), newton, (lo + hi) / 2.0)[going]
        lo, hi, open_ = lo[going], hi[going], open_[going]
    return found


def _brackets(curve: Curve, s: Floats) -> tuple[Floats, Floats]:
    """For each value, a stretch of time that its inverse lies in: twice a grid, the second finer."""
    first, last = 0.0, curve.duration
    cells = min(_GRID, 16 * len(s))
    for _ in range(2):
        grid = np.linspace(first, last, cells + 1)
        values = np.maximum.accumulate(expected_all(curve, grid))
        left = np.clip(np.searchsorted(values, s, side="right") - 1, 0, cells - 1)
        first, last = float(grid[left.min()]), float(grid[left.max() + 1])
    return grid[left], grid[left + 1]
