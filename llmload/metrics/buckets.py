"""The buckets of an HDR histogram, and folding many values into the buckets of many histograms at once.

Theory of operation. With sub-bucket half-count magnitude m (10 for 3 significant digits, 7 for 2),
values under 2**(m+1) have a bucket each; above, every power of two is cut into 2**m equal buckets. So
for a value v whose highest bit is number e (counted from 1; at least m+1), b = e - (m+1) low bits are
dropped and its index is (b << m) + (v >> b): the layout of HdrHistogram with lowest value 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["COARSE", "FINE", "HIGHEST", "Buckets", "Counts", "Folded", "Ints", "fold"]

Ints = NDArray[np.int64]

HIGHEST: Final = 2**37 - 1
"""The largest value kept: 38 hours in microseconds; larger ones are clamped to it and counted."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The geometry for a number of significant decimal digits; ``magnitude`` is m above."""

    digits: int
    magnitude: int

    @property
    def size(self) -> int:
        """How many buckets there are up to HIGHEST."""
        return (HIGHEST.bit_length() - self.magnitude + 1) << self.magnitude

    def index(self, values: Ints) -> Ints:
        """The bucket of each value (0..HIGHEST).

        A float64 holds the exponent and, below it, the bits after the leading one: shifted until m of those
        are left, it is the bucket's number but for a constant (and less than that number where buckets hold
        one value each). Exact, since HIGHEST is below 2**53.
        """
        bits: Ints = values.astype(np.float64).view(np.int64) >> (52 - self.magnitude)
        logarithmic = bits - ((1022 + self.magnitude) << self.magnitude)
        index: Ints = np.maximum(logarithmic, np.minimum(values, 1 << self.magnitude))
        return index

    def lowest(self, index: Ints) -> Ints:
        """The smallest value of each bucket."""
        drop = self._drop(index)
        return (index - (drop << self.magnitude)) << drop

    def highest(self, index: Ints) -> Ints:
        """The largest value of each bucket."""
        return self.lowest(index) + (np.int64(1) << self._drop(index)) - 1

    def middle(self, index: Ints) -> Ints:
        """The value that stands for a bucket in sums: its middle, rounded up, as HdrHistogram has it."""
        return self.lowest(index) + ((np.int64(1) << self._drop(index)) >> 1)

    def regroup(self, counts: Counts, other: Buckets) -> Counts:
        """Counts in these buckets as counts in the wider buckets of ``other``: each lies within one of those."""
        places = other.index(self.lowest(counts.places))
        first = _changes(places)
        return counts._replace(places=places[first], counts=np.add.reduceat(counts.counts, first))

    def _drop(self, index: Ints) -> Ints:
        drop: Ints = np.maximum((index >> self.magnitude) - 1, 0)
        return drop


FINE: Final = Buckets(digits=3, magnitude=10)
"""For totals: within 0.1 %."""
COARSE: Final = Buckets(digits=2, magnitude=7)
"""For time series: within 0.8 %, an eighth of the buckets."""


class Counts(NamedTuple):
    """Values as filled buckets (``places`` ascending, each once) with the exact figures that buckets lose."""

    places: Ints
    counts: Ints
    total: int
    low: int
    high: int
    clamped: int


class Folded(NamedTuple):
    """The values of one group."""

    group: int
    values: Counts


def fold(values: Ints, groups: Ints, buckets: Buckets) -> Iterator[Folded]:
    """Sort values into the buckets of their groups (0 .. 2**26), group by group.

    One sort, by group and value, serves all groups: a value costs the same however many histograms there are.
    """
    if not len(values):
        return
    kept = np.minimum(np.maximum(values, 0), HIGHEST)
    outside = groups[values != kept]
    key = (groups << HIGHEST.bit_length()) | kept
    key.sort()
    kept, group = key & HIGHEST, key >> HIGHEST.bit_length()
    place = buckets.index(kept)
    begins = _changes(group)
    first = _changes(group * buckets.size + place)
    places, counts = place[first], np.diff(first, append=len(key))
    edges = [*np.searchsorted(first, begins).tolist(), len(first)]
    totals = np.add.reduceat(kept, begins).tolist()
    lows, highs = kept[begins].tolist(), kept[np.append(begins[1:], len(key)) - 1].tolist()
    for n, name in enumerate(group[begins].tolist()):
        mine = slice(edges[n], edges[n + 1])
        clamped = int((outside == name).sum()) if len(outside) else 0
        yield Folded(name, Counts(places[mine], counts[mine], totals[n], lows[n], highs[n], clamped))


def _changes(values: Ints) -> Ints:
    """Where a new value begins."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
