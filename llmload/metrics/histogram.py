"""A mergeable histogram: HDR buckets in a numpy array that covers no more than the values seen.

Recorded integers keep 3 significant digits (2 with COARSE buckets); sum, minimum and maximum are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from llmload.metrics import codec, intervals
from llmload.metrics.buckets import COARSE, FINE, HIGHEST, Buckets, Counts, Ints, fold

__all__ = ["Histogram"]

_BY_DIGITS: Final = {buckets.digits: buckets for buckets in (FINE, COARSE)}
_EMPTY: Final = np.zeros(0, np.int64)


class Histogram:
    """Counts of non-negative integers up to ``HIGHEST``. Merging is exact, associative and commutative.

    ``count``: how many values. ``total``: their exact sum. ``clamped``: how many were out of range and were
    recorded as the bound they were beyond (nothing is dropped).
    """

    __slots__ = ("_bins", "_high", "_low", "_offset", "buckets", "clamped", "count", "total")

    def __init__(self, buckets: Buckets = FINE) -> None:
        self.buckets = buckets
        self.count = self.total = self.clamped = 0
        self._low, self._high = HIGHEST, 0
        self._offset = 0
        self._bins = _EMPTY

    # Recording

    def record(self, values: Sequence[int] | Ints) -> None:
        """Add values; those below 0 or above HIGHEST are clamped and counted."""
        for _, counts in fold(np.asarray(values, np.int64), np.zeros(len(values), np.int64), self.buckets):
            self.add(counts)

    def add(self, counts: Counts) -> None:
        """Add values that are in buckets (of this geometry) already."""
        if not len(counts.places):
            return
        self._cover(int(counts.places[0]), int(counts.places[-1]) + 1)
        self._bins[counts.places - self._offset] += counts.counts
        self.count += int(counts.counts.sum())
        self._tally(counts.total, counts.low, counts.high, counts.clamped)

    def merge(self, other: Histogram) -> None:
        """Add what another histogram of the same geometry holds."""
        if other.buckets is not self.buckets:
            raise ValueError(f"can't merge {other.buckets.digits} digits into {self.buckets.digits}")
        if not other.count:
            return
        first, bins = other._offset, other._bins
        self._cover(first, first + len(bins))
        self._bins[first - self._offset : first - self._offset + len(bins)] += bins
        self.count += other.count
        self._tally(other.total, other._low, other._high, other.clamped)

    def _tally(self, total: int, low: int, high: int, clamped: int) -> None:
        self.total += total
        self.clamped += clamped
        self._low, self._high = min(self._low, low), max(self._high, high)

    def _cover(self, first: int, stop: int) -> None:
        """Make the array reach over buckets first..stop-1, growing by at least a quarter when it grows."""
        have = self._offset + len(self._bins)
        if len(self._bins) and self._offset <= first and stop <= have:
            return
        if len(self._bins):
            spare = len(self._bins) // 4
            first = min(self._offset, max(0, first - spare) if first < self._offset else first)
            stop = max(have, stop + spare if stop > have else stop)
        grown = np.zeros(stop - first, np.int64)
        grown[self._offset - first : have - first] = self._bins
        self._offset, self._bins = first, grown

    # Figures

    @property
    def min(self) -> int:
        """The smallest value, exact; 0 if there is none."""
        return self._low if self.count else 0

    @property
    def max(self) -> int:
        """The largest value, exact."""
        return self._high

    @property
    def mean(self) -> float:
        """The exact mean; 0.0 if there are no values."""
        return self.total / self.count if self.count else 0.0

    @property
    def stddev(self) -> float:
        """Standard deviation of the values as a whole population, each taken as its bucket's middle."""
        if not self.count:
            return 0.0
        values, counts = self.nonzero()
        return math.sqrt(float((counts * (values - self.mean) ** 2).sum()) / self.count)

    def percentile(self, p: float) -> int:
        """The value at percentile p (0..100): the largest one of its bucket, as HdrHistogram has it, but
        never beyond the exact maximum. 0 if there are no values."""
        if not self.count:
            return 0
        rank = int(min(p, 100.0) * self.count / 100 + 0.5)
        index = np.array([self._bucket_of(max(rank, 1))])
        edge = self.buckets.highest(index) if p else self.buckets.lowest(index)
        return max(min(int(edge[0]), self.max), self.min)

    def interval(self, p: float, confidence: float = 0.95) -> tuple[int, int] | None:
        """Bounds of the true percentile p with at least that confidence, for independent values.

        None if the sample doesn't reach far enough. See ``intervals`` for the method and its limits.
        """
        found = intervals.ranks(self.count, p / 100, confidence)
        if found is None:
            return None
        index = np.array([self._bucket_of(rank) for rank in found])
        low, high = int(self.buckets.lowest(index)[0]), int(self.buckets.highest(index)[1])
        return max(low, self.min), min(high, self.max)

    def limits(self, p: float, confidence: float = 0.95) -> tuple[float | None, float | None]:
        """The same to the point, each bound for itself: None for the one that the sample doesn't reach."""
        low, high = intervals.limits(self.count, p / 100, confidence)
        return None if low is None else self.at_rank(low), None if high is None else self.at_rank(high)

    def at_rank(self, rank: float) -> float:
        """The value at a rank (1: the smallest), or between two; 0.0 if there are no values."""
        if not self.count:
            return 0.0
        rank = min(max(rank, 1.0), float(self.count))
        low, high = (self._value_at(whole) for whole in (math.floor(rank), math.ceil(rank)))
        return low + (rank - math.floor(rank)) * (high - low)

    def quantile(self, p: float) -> float:
        """The percentile p (0..100) that is as often too high as too low, whatever the sample's size: definition 8 of
        R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, 1996."""
        return self.at_rank((self.count + 1 / 3) * p / 100 + 1 / 3)

    def enough(self, p: float, confidence: float = 0.99) -> bool:
        """Whether there are values enough to speak of percentile p: 662 for p99, 6,636 for p99.9."""
        return intervals.enough(self.count, p / 100, confidence)

    def share_above(self, value: float) -> float:
        """The share of values above ``value`` (to the width of a bucket); 0.0 if there are none at all."""
        if not self.count or value >= self.max:
            return 0.0
        edge = int(self.buckets.index(np.array([max(0, math.floor(value))]))[0]) + 1
        return float(self._bins[max(0, edge - self._offset) :].sum()) / self.count if value >= 0 else 1.0

    def _bucket_of(self, rank: int) -> int:
        """The bucket of the rank-th smallest value (from 1)."""
        return self._offset + int(np.searchsorted(self._bins.cumsum(), rank))

    def _value_at(self, rank: int) -> float:
        """The middle of its bucket; the smallest and the largest value are known exactly."""
        if rank in (1, self.count):
            return float(self.min if rank == 1 else self.max)
        return float(self.buckets.middle(np.array([self._bucket_of(rank)]))[0])

    # Forms

    def counts(self) -> Counts:
        """The filled buckets and the exact figures."""
        filled = np.flatnonzero(self._bins)
        return Counts(filled + self._offset, self._bins[filled], self.total, self._low, self._high, self.clamped)

    def nonzero(self) -> tuple[Ints, Ints]:
        """The middle value of each filled bucket, and how many values it holds."""
        counts = self.counts()
        return self.buckets.middle(counts.places), counts.counts

    def encode(self) -> str:
        """HdrHistogram V2, compressed, base64: readable by HdrHistogram in any language."""
        filled = np.flatnonzero(self._bins)
        if len(filled) <= codec.FEW:
            places, counts = (filled + self._offset).tolist(), self._bins[filled].tolist()
            return codec.encode_few(places, counts, self.buckets.digits)
        dense = np.concatenate((np.zeros(self._offset, np.int64), np.trim_zeros(self._bins, "b")))
        return codec.encode(dense, self.buckets.digits)

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """Read HdrHistogram V2 (lowest value 1; 2 or 3 digits). Sum, minimum and maximum, which that form
        doesn't hold, are taken from the buckets. ValueError says what is wrong with the text."""
        dense, buckets = codec.decode(text)
        made = cls(buckets)
        index = np.flatnonzero(dense)
        if len(index):
            counts = dense[index]
            total = sum(int(v) * int(n) for v, n in zip(made.buckets.middle(index), counts, strict=True))
            low, high = int(made.buckets.lowest(index)[0]), int(made.buckets.highest(index)[-1])
            made.add(Counts(index, counts, total, low, min(high, HIGHEST), 0))
        return made

    def to_json(self) -> dict[str, int | str]:
        """Exact: the V2 text and the figures it doesn't hold."""
        exact = {"count": self.count, "total": self.total, "min": self.min, "max": self.max, "clamped": self.clamped}
        return {**exact, "hdr": self.encode()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Histogram:
        """The inverse of ``to_json``; ValueError or KeyError on anything else."""
        made = cls.decode(data["hdr"])
        if made.count != data["count"]:
            raise ValueError(f"a histogram said to hold {data['count']} values holds {made.count}")
        made.total, made.clamped = int(data["total"]), int(data["clamped"])
        if made.count:
            made._low, made._high = int(data["min"]), int(data["max"])
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        counts = self.counts()
        width = np.min_scalar_type(int(counts.counts.max())) if self.count else np.dtype(np.uint8)
        places, each = counts.places.astype(np.uint16).tobytes(), counts.counts.astype(width).tobytes()
        return _unpack, (self.buckets.digits, places, each, width.char, *counts[2:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.__reduce__() == other.__reduce__()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Histogram(count={self.count}, min={self.min}, p50={self.percentile(50)}, max={self.max})"


def _unpack(digits: int, index: bytes, counts: bytes, width: str, *figures: int) -> Histogram:
    made = Histogram(_BY_DIGITS[digits])
    places, each = np.frombuffer(index, np.uint16).astype(np.int64), np.frombuffer(counts, width).astype(np.int64)
    made.add(Counts(places, each, *figures))
    return made
