"""Histograms for time series: there are tens of thousands of them, with a few dozen filled buckets each.

As text, the counts are the varints of HdrHistogram V2 (see ``codec``) in base64, with neither header nor
compression: those would be longer than the counts. Plain loops: for so few numbers numpy is slower.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmload.metrics.buckets import COARSE, HIGHEST, Counts
from llmload.metrics.histogram import Histogram

__all__ = ["Sparse"]


class Sparse:
    """A histogram of COARSE buckets as its filled buckets alone: some hundred bytes, not some thousand."""

    __slots__ = ("_filled", "clamped", "high", "low", "total")

    def __init__(self) -> None:
        self._filled: NDArray[np.int32] = np.zeros((2, 0), np.int32)
        self.total = self.clamped = self.high = 0
        self.low = HIGHEST

    def add(self, counts: Counts) -> None:
        """Add values in COARSE buckets."""
        dense = np.zeros(COARSE.size, np.int32)
        dense[self._filled[0]] = self._filled[1]
        dense[counts.places] += counts.counts.astype(np.int32)
        filled = np.flatnonzero(dense != 0)
        self._filled = np.empty((2, len(filled)), np.int32)
        self._filled[0], self._filled[1] = filled, dense[filled]
        self.total += counts.total
        self.clamped += counts.clamped
        self.low, self.high = min(self.low, counts.low), max(self.high, counts.high)

    def counts(self) -> Counts:
        """What it holds."""
        index, counts = self._filled.astype(np.int64)
        return Counts(index, counts, self.total, self.low, self.high, self.clamped)

    @staticmethod
    def pooled(parts: Sequence[Sparse]) -> Histogram:
        """Many as one Histogram (of COARSE buckets); empty for none."""
        pool = Histogram(COARSE)
        if parts:
            places, counts = np.concatenate([part._filled for part in parts], axis=1)
            dense = np.bincount(places, weights=counts).astype(np.int64)
            filled = np.flatnonzero(dense)
            total, clamped = sum(part.total for part in parts), sum(part.clamped for part in parts)
            low, high = min(part.low for part in parts), max(part.high for part in parts)
            pool.add(Counts(filled, dense[filled], total, low, high, clamped))
        return pool

    @property
    def count(self) -> int:
        """How many values."""
        return int(self._filled[1].sum())

    def to_json(self) -> dict[str, Any]:
        """Exact figures, and the counts of COARSE buckets packed as text (see above)."""
        figures = {"total": self.total, "min": self.low, "max": self.high, "clamped": self.clamped}
        return {**figures, "counts": _pack(*self._filled.tolist())}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Sparse:
        """The inverse of ``to_json``; ValueError for counts that can't be read."""
        made = cls()
        made._filled = np.array(_unpack(data["counts"]), np.int32)
        made.total, made.clamped = int(data["total"]), int(data["clamped"])
        made.low, made.high = int(data["min"]), int(data["max"])
        return made

    def __getstate__(self) -> tuple[Any, ...]:
        return self._filled.tobytes(), self.total, self.clamped, self.low, self.high

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        packed, self.total, self.clamped, self.low, self.high = state
        self._filled = np.frombuffer(packed, np.int32).reshape(2, -1)


def _pack(places: list[int], counts: list[int]) -> str:
    """Each run of n empty buckets as -n, each filled one as its count: ZigZag LEB128 in base64."""
    out, after = bytearray(), 0
    for place, count in zip(places, counts, strict=True):
        words = (2 * (place - after) - 1, 2 * count) if place > after else (2 * count,)
        after = place + 1
        for word in words:
            while word > 0x7F:
                out.append(word & 0x7F | 0x80)
                word >>= 7
            out.append(word)
    return base64.b64encode(out).decode("ascii")


def _unpack(text: str) -> tuple[list[int], list[int]]:
    """The filled buckets and their counts."""
    places: list[int] = []
    counts: list[int] = []
    place = word = shift = 0
    for byte in base64.b64decode(text, validate=True):
        word |= (byte & 0x7F) << shift
        shift += 7
        if word >> 32:
            raise ValueError("a damaged histogram in a window: a count is out of range")
        if byte < 0x80:
            if word & 1:
                place += (word + 1) // 2
            else:
                places.append(place)
                counts.append(word // 2)
                place += 1
            word = shift = 0
    if shift or place > COARSE.size:
        raise ValueError("a damaged histogram in a window: its counts break off or are too many")
    return places, counts
