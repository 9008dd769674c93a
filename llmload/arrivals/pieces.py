"""Curves made of straight pieces: nearly all that people draw.

Between two edges the rate goes in a straight line from ``first`` to ``last``; it may jump at an edge.
The integral is then a parabola per piece, and its inverse a square root: exact and fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from llmload.arrivals.base import ByArrays, Floats, need

__all__ = ["Piece", "PieceCurve", "Table"]

_MOST: Final = 200_000


class Piece(NamedTuple):
    """One straight stretch, from where the piece before ended until ``end`` (s from the curve's start)."""

    end: float
    first: float
    last: float


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Pieces as arrays: n + 1 edges, the rate at both ends of the n pieces, the integral up to each edge."""

    edges: Floats
    first: Floats
    last: Floats
    slope: Floats
    total: Floats

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Table:
        """The table of these pieces, empty ones left out; ValueError where nothing or too much is left."""
        kept: list[Piece] = []
        end = 0.0
        for piece in pieces:
            need(len(kept) < _MOST, f"a curve of more than {_MOST:,} pieces; make the repetitions longer")
            if piece.end > end:
                kept.append(piece)
                end = piece.end
        need(bool(kept), "a curve needs a duration above 0")
        array = np.array(kept, dtype=np.float64)
        return cls.from_arrays(np.concatenate(([0.0], array[:, 0])), array[:, 1], array[:, 2])

    @classmethod
    def from_arrays(cls, edges: Floats, first: Floats, last: Floats) -> Table:
        """The table of rates ``first`` to ``last`` between successive ``edges``."""
        need(bool(np.isfinite(edges).all()), "a curve needs a finite duration")
        rates = np.concatenate((first, last))
        need(bool(np.isfinite(rates).all() and (rates >= 0.0).all()), "rates must be finite and not below 0")
        lengths = np.diff(edges)
        total = np.concatenate(([0.0], np.cumsum(lengths * (first + last) / 2.0)))
        return cls(edges, first, last, (last - first) / lengths, total)

    @classmethod
    def add(cls, parts: Sequence[tuple[float, Table]]) -> Table:
        """The table of all ``parts`` (offset, table) at once: their rates add."""
        edges = np.unique(np.concatenate([np.zeros(1), *(offset + table.edges for offset, table in parts)]))
        middles = (edges[:-1] + edges[1:]) / 2.0
        first, last = np.zeros(len(middles)), np.zeros(len(middles))
        for offset, table in parts:
            inside = (middles >= offset) & (middles < offset + table.edges[-1])
            at = table.piece_of(middles[inside] - offset)
            base = table.first[at] - table.slope[at] * table.edges[at]
            first[inside] += np.maximum(0.0, base + table.slope[at] * (edges[:-1][inside] - offset))
            last[inside] += np.maximum(0.0, base + table.slope[at] * (edges[1:][inside] - offset))
        return cls.from_arrays(edges, first, last)

    @classmethod
    def join(cls, tables: Sequence[Table]) -> Table:
        """The table of ``tables`` one after the other."""
        starts = np.concatenate(([0.0], np.cumsum([table.edges[-1] for table in tables])))
        edges = [table.edges[1:] + start for table, start in zip(tables, starts[:-1], strict=True)]
        first, last = ([getattr(table, name) for table in tables] for name in ("first", "last"))
        return cls.from_arrays(np.concatenate(([0.0], *edges)), np.concatenate(first), np.concatenate(last))

    def piece_of(self, times: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Number of the piece that each time lies in; an edge belongs to the piece after it."""
        return np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.first) - 1)

    def rate_all(self, times: Floats) -> Floats:
        """The rate at each time."""
        at = self.piece_of(times)
        into = (times - self.edges[at]) / (self.edges[at + 1] - self.edges[at])
        return self.first[at] * (1.0 - into) + self.last[at] * into

    def expected_all(self, times: Floats) -> Floats:
        """The integral up to each time."""
        at = self.piece_of(times)
        into = times - self.edges[at]
        return self.total[at] + into * (self.first[at] + self.slope[at] * into / 2.0)

    def inverse_all(self, s: Floats) -> Floats:
        """The time at which the integral is each ``s``.

        Within a piece, ``first * x + slope * x**2 / 2 = rest``; solved in the form that doesn't cancel,
        ``x = 2 rest / (first + sqrt(first**2 + 2 slope rest))``, which holds for a slope of 0 too.
        """
        at = np.clip(np.searchsorted(self.total, s, side="right") - 1, 0, len(self.first) - 1)
        first = self.first[at]
        rest = s - self.total[at]
        root = first + np.sqrt(np.maximum(0.0, first * first + 2.0 * self.slope[at] * rest))
        into = np.divide(2.0 * rest, root, out=np.zeros_like(rest), where=root > 0.0)
        return np.minimum(self.edges[at] + into, self.edges[at + 1])


@dataclass(frozen=True, slots=True)
class PieceCurve(ByArrays, ABC):
    """Base of the curves made of pieces: a subclass has fields, ``pieces`` and ``scaled``."""

    table: Table = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", Table.of(self.pieces()))

    @abstractmethod
    def pieces(self) -> Iterable[Piece]:
        """The pieces from time 0 on; may raise ValueError for fields that make no sense."""

    def peak(self) -> float:
        """The highest rate."""
        return float(max(self.table.first.max(), self.table.last.max()))

    def rate_all(self, times: Floats) -> Floats:
        """``rate`` for each time."""
        return self.table.rate_all(times)

    def expected_all(self, times: Floats) -> Floats:
        """``expected`` for each time."""
        return self.table.expected_all(times)

    def inverse_all(self, s: Floats) -> Floats:
        """The exact inverse of ``expected`` for each value."""
        return self.table.inverse_all(s)
