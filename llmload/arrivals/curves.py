"""The curves: planned rate over time, as frozen values.

A new curve is one class (``pieces`` and ``scaled`` if it is made of straight pieces; ``rate``, ``expected``,
``peak`` and ``scaled`` if it isn't) and its name in ``__all__``. All raise ``ValueError`` for numbers that
make no sense. The field for the highest level of a spike is ``top``, since ``peak()`` is every curve's method.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from llmload.arrivals.base import ByArrays, Curve, Floats, inverse, inverse_all, need, solve
from llmload.arrivals.composed import RandomBursts, Sequence, Sum
from llmload.arrivals.diurnal import Diurnal
from llmload.arrivals.pieces import Piece, PieceCurve

__all__ = [
    "Burst",
    "Constant",
    "Curve",
    "Diurnal",
    "Points",
    "Ramp",
    "RandomBursts",
    "Sequence",
    "Sine",
    "Spike",
    "Steps",
    "Sum",
    "inverse",
    "inverse_all",
]


@dataclass(frozen=True, slots=True)
class Constant(PieceCurve):
    """``level`` per second for ``duration`` seconds."""

    level: float
    duration: float

    def pieces(self) -> Iterable[Piece]:
        """One flat piece."""
        return (Piece(self.duration, self.level, self.level),)

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Constant:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Constant(self.level * rate, self.duration * time)


@dataclass(frozen=True, slots=True)
class Steps(PieceCurve):
    """Each of ``levels`` in turn for ``each`` seconds."""

    levels: tuple[float, ...]
    each: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.each * len(self.levels)

    def pieces(self) -> Iterable[Piece]:
        """One flat piece per level."""
        return (Piece(self.each * (i + 1), level, level) for i, level in enumerate(self.levels))

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Steps:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Steps(tuple(level * rate for level in self.levels), self.each * time)


@dataclass(frozen=True, slots=True)
class Spike(PieceCurve):
    """``base``, but from ``at`` on up to ``top`` within ``rise`` seconds, ``width`` seconds there, and down
    again within ``rise`` seconds."""

    base: float
    top: float
    at: float
    width: float
    duration: float
    rise: float = 0.0

    def pieces(self) -> Iterable[Piece]:
        """Before, up, top, down, after."""
        need(min(self.at, self.width, self.rise) >= 0.0, "a spike's times must not be below 0")
        up = self.at + self.rise
        down = up + self.width
        end = down + self.rise
        need(end <= self.duration * (1 + 1e-12), f"the spike ends at {end:g} s, after the curve's {self.duration:g} s")
        return (
            Piece(self.at, self.base, self.base),
            Piece(up, self.base, self.top),
            Piece(down, self.top, self.top),
            Piece(min(end, self.duration), self.top, self.base),
            Piece(self.duration, self.base, self.base),
        )

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Spike:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Spike(
            self.base * rate, self.top * rate, self.at * time, self.width * time, self.duration * time, self.rise * time
        )


@dataclass(frozen=True, slots=True)
class Burst(PieceCurve):
    """``base``, and ``top`` for ``width`` seconds at ``offset``, ``offset + period`` and so on."""

    base: float
    top: float
    period: float
    width: float
    duration: float
    offset: float = 0.0

    def pieces(self) -> Iterator[Piece]:
        """A flat piece between bursts, a flat piece per burst."""
        need(0.0 < self.width <= self.period, "a burst's width must be above 0 and at most its period")
        need(self.offset >= 0.0, "a burst's offset must not be below 0")
        need(math.isfinite(self.duration), "a curve needs a finite duration")
        for i in range(math.ceil((self.duration - self.offset) / self.period)):
            start = self.offset + i * self.period
            yield Piece(start, self.base, self.base)
            yield Piece(min(start + self.width, self.duration), self.top, self.top)
        yield Piece(self.duration, self.base, self.base)

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Burst:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Burst(
            self.base * rate, self.top * rate, self.period * time, self.width * time, self.duration * time,
            self.offset * time,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Points(PieceCurve):
    """Straight lines through (time, rate) points; two points at one time are a jump."""

    points: tuple[tuple[float, float], ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.points[-1][0]

    def pieces(self) -> Iterable[Piece]:
        """One piece between each two points."""
        need(len(self.points) >= 2, "a curve through points needs at least two of them")
        need(self.points[0][0] == 0.0, f"the first point must be at 0 s, not at {self.points[0][0]:g} s")
        pairs = list(zip(self.points, self.points[1:], strict=False))
        need(all(a[0] <= b[0] for a, b in pairs), "points must be in the order of their times")
        return (Piece(b[0], a[1], b[1]) for a, b in pairs)

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Points:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Points(tuple((t * time, level * rate) for t, level in self.points))


@dataclass(frozen=True, slots=True)
class Ramp(ByArrays):
    """From ``start`` to ``end`` within ``duration`` seconds: in a straight line in time, or (``exponential``)
    growing by the same factor in equal times, which needs both ends above 0."""

    start: float
    end: float
    duration: float
    exponential: bool = False

    def __post_init__(self) -> None:
        need(0.0 < self.duration < math.inf, "a ramp needs a finite duration above 0")
        need(min(self.start, self.end) >= 0.0 and max(self.start, self.end) < math.inf, "rates must not be below 0")
        need(
            not self.exponential or min(self.start, self.end) > 0.0,
            'an exponential ramp can neither begin nor end at 0; take a low rate such as "1/s"',
        )

    @property
    def growth(self) -> float:
        """Logarithm of end / start for an exponential ramp, 0 for a straight one."""
        return math.log(self.end / self.start) if self.exponential else 0.0

    def peak(self) -> float:
        """The higher end."""
        return max(self.start, self.end)

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Ramp:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Ramp(self.start * rate, self.end * rate, self.duration * time, self.exponential)

    def rate_all(self, times: Floats) -> Floats:
        """``rate`` for each time."""
        into = times / self.duration
        if self.growth:
            return self.start * np.exp(self.growth * into)
        return self.start * (1.0 - into) + self.end * into

    def expected_all(self, times: Floats) -> Floats:
        """``expected`` for each time."""
        if self.growth:
            return self.start * self.duration * np.expm1(self.growth * times / self.duration) / self.growth
        return times * (self.start + (self.end - self.start) * times / (2.0 * self.duration))

    def inverse_all(self, s: Floats) -> Floats:
        """The exact inverse of ``expected`` for each value."""
        if self.growth:
            times = self.duration * np.log1p(s * self.growth / (self.start * self.duration)) / self.growth
            return np.minimum(times, self.duration)
        slope = (self.end - self.start) / self.duration
        root = self.start + np.sqrt(np.maximum(0.0, self.start * self.start + 2.0 * slope * s))
        return np.minimum(np.divide(2.0 * s, root, out=np.zeros_like(s), where=root > 0.0), self.duration)


@dataclass(frozen=True, slots=True)
class Sine(ByArrays):
    """``mean + amplitude * sin``, one wave per ``period`` seconds; ``phase`` is the share of a wave that it
    begins at: 0 rising through the mean, 0.25 at the top, 0.75 at the bottom."""

    mean: float
    amplitude: float
    period: float
    duration: float
    phase: float = 0.0

    def __post_init__(self) -> None:
        need(0.0 < self.duration < math.inf, "a sine needs a finite duration above 0")
        need(0.0 < self.period < math.inf, "a sine needs a finite period above 0")
        need(0.0 <= self.amplitude <= self.mean < math.inf, "a sine's amplitude must be from 0 to its mean")

    def peak(self) -> float:
        """The top of the wave."""
        return self.mean + self.amplitude

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Sine:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Sine(self.mean * rate, self.amplitude * rate, self.period * time, self.duration * time, self.phase)

    def rate_all(self, times: Floats) -> Floats:
        """``rate`` for each time."""
        return np.maximum(0.0, self.mean + self.amplitude * np.sin(math.tau * (times / self.period + self.phase)))

    def expected_all(self, times: Floats) -> Floats:
        """``expected`` for each time."""
        turn = math.tau * self.phase
        waves = math.cos(turn) - np.cos(math.tau * times / self.period + turn)
        return self.mean * times + self.amplitude * self.period / math.tau * waves

    def inverse_all(self, s: Floats) -> Floats:
        """The inverse of ``expected`` for each value, by iteration."""
        return solve(self, s)
