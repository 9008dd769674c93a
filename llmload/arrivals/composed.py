"""Curves made of other curves: at once (rates add) or one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from llmload.arrivals.base import ByArrays, Curve, Floats, expected_all, inverse_all, need, rate_all, solve
from llmload.arrivals.pieces import Piece, PieceCurve, Table
from llmload.draws import Draws

__all__ = ["RandomBursts", "Sequence", "Sum"]


def _table(curve: Curve) -> Table | None:
    """The table of a curve made of straight pieces, None for any other."""
    return curve.table if isinstance(curve, (PieceCurve, Sum, Sequence)) else None


@dataclass(frozen=True, slots=True)
class Sum(ByArrays):
    """Several curves at once, each from its offset (s) on; their rates add.

    Straight pieces add up to straight pieces, so a sum of such curves is as exact and fast as they are.
    """

    parts: tuple[tuple[float, Curve], ...]
    table: Table | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        need(bool(self.parts), "a sum needs at least one curve")
        need(all(offset >= 0.0 for offset, _ in self.parts), "a part of a sum can't begin before 0")
        tables = [(offset, table) for offset, curve in self.parts if (table := _table(curve)) is not None]
        object.__setattr__(self, "table", Table.add(tables) if len(tables) == len(self.parts) else None)

    @property
    def duration(self) -> float:
        """Seconds until the last part ends."""
        return max(offset + curve.duration for offset, curve in self.parts)

    def peak(self) -> float:
        """The highest rate; with curved parts an upper bound: the peaks of all that may coincide."""
        if self.table is not None:
            return float(max(self.table.first.max(), self.table.last.max()))
        begins = [offset for offset, _ in self.parts]
        return max(sum(c.peak() for offset, c in self.parts if offset <= t <= offset + c.duration) for t in begins)

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Sum:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Sum(tuple((offset * time, curve.scaled(rate, time)) for offset, curve in self.parts))

    def rate_all(self, times: Floats) -> Floats:
        """``rate`` for each time."""
        if self.table is not None:
            return self.table.rate_all(times)
        total, end = np.zeros_like(times), self.duration
        for offset, curve in self.parts:
            # A part's last level counts at its end only where the sum ends too: rates are continuous from the right.
            last = offset + curve.duration
            inside = (times >= offset) & ((times < last) | ((times == end) & (last >= end)))
            total[inside] += rate_all(curve, np.minimum(times[inside] - offset, curve.duration))
        return total

    def expected_all(self, times: Floats) -> Floats:
        """``expected`` for each time."""
        if self.table is not None:
            return self.table.expected_all(times)
        total = np.zeros_like(times)
        for offset, curve in self.parts:
            total += expected_all(curve, np.clip(times - offset, 0.0, curve.duration))
        return total

    def inverse_all(self, s: Floats) -> Floats:
        """The inverse of ``expected`` for each value."""
        return solve(self, s) if self.table is None else self.table.inverse_all(s)


@dataclass(frozen=True, slots=True)
class Sequence(ByArrays):
    """Curves one after the other."""

    parts: tuple[Curve, ...]
    table: Table | None = field(init=False, repr=False, compare=False)
    starts: tuple[float, ...] = field(init=False, repr=False, compare=False)
    totals: tuple[float, ...] = field(init=False, repr=False, compare=False)
    """When each part begins and what is expected before it; the end and the whole are last."""

    def __post_init__(self) -> None:
        need(bool(self.parts), "a sequence needs at least one curve")
        tables = [table for curve in self.parts if (table := _table(curve)) is not None]
        object.__setattr__(self, "table", Table.join(tables) if len(tables) == len(self.parts) else None)
        starts, totals = [0.0], [0.0]
        for curve in self.parts:
            starts.append(starts[-1] + curve.duration)
            totals.append(totals[-1] + curve.expected(curve.duration))
        object.__setattr__(self, "starts", tuple(starts))
        object.__setattr__(self, "totals", tuple(totals))

    @property
    def duration(self) -> float:
        """Seconds until the last part ends."""
        return self.starts[-1]

    def peak(self) -> float:
        """The highest peak of the parts."""
        return max(curve.peak() for curve in self.parts)

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Sequence:
        """The same shape, rates times ``rate``, times times ``time``."""
        return Sequence(tuple(curve.scaled(rate, time) for curve in self.parts))

    def rate_all(self, times: Floats) -> Floats:
        """``rate`` for each time."""
        result = np.zeros_like(times)
        for i, curve, mine in self._split(times, self.starts):
            result[mine] = rate_all(curve, np.clip(times[mine] - self.starts[i], 0.0, curve.duration))
        return result

    def expected_all(self, times: Floats) -> Floats:
        """``expected`` for each time."""
        result = np.zeros_like(times)
        for i, curve, mine in self._split(times, self.starts):
            inside = np.clip(times[mine] - self.starts[i], 0.0, curve.duration)
            result[mine] = self.totals[i] + expected_all(curve, inside)
        return result

    def inverse_all(self, s: Floats) -> Floats:
        """The inverse of ``expected`` for each value: each part's own."""
        result = np.zeros_like(s)
        for i, curve, mine in self._split(s, self.totals):
            result[mine] = self.starts[i] + inverse_all(curve, s[mine] - self.totals[i])
        return result

    def _split(
        self, values: Floats, bounds: tuple[float, ...]
    ) -> Iterable[tuple[int, Curve, np.ndarray[tuple[int], np.dtype[np.bool_]]]]:
        """Which of ``values`` fall to which part."""
        which = np.clip(np.searchsorted(bounds, values, side="right") - 1, 0, len(self.parts) - 1)
        for i in np.unique(which).tolist():
            yield i, self.parts[i], which == i


@dataclass(frozen=True, slots=True)
class RandomBursts(PieceCurve):
    """``base``, and ``count`` bursts up to ``top`` of ``width`` seconds each at random places, the same for the
    same ``seed``. Where bursts overlap, what each adds to the base adds up."""

    base: float
    top: float
    width: float
    count: int
    duration: float
    seed: int

    def begins(self) -> tuple[float, ...]:
        """When the bursts begin, in order; every one lies wholly within the duration."""
        draws = Draws(self.seed, 0, 0)
        return tuple(sorted(draws.unit() * (self.duration - self.width) for _ in range(self.count)))

    def pieces(self) -> Iterable[Piece]:
        """A flat piece between each two times at which a burst begins or ends."""
        need(0.0 < self.width <= self.duration, "a burst's width must be above 0 and at most the duration")
        need(self.top >= self.base, "a burst's top must not be below its base")
        turns = sorted([(t, 1) for t in self.begins()] + [(t + self.width, -1) for t in self.begins()])
        level, height = 0, self.top - self.base
        for t, change in turns:
            yield Piece(min(t, self.duration), self.base + level * height, self.base + level * height)
            level += change
        yield Piece(self.duration, self.base, self.base)

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> RandomBursts:
        """The same shape, the bursts at the same places of it."""
        return RandomBursts(
            self.base * rate, self.top * rate, self.width * time, self.count, self.duration * time, self.seed
        )
