"""What the differences of pairs say: mean, percentiles, who is slower, and whether that is more than chance.

The mean's interval takes pairs of neighbouring moments together (batch means): queues make them alike, and an interval
that takes them as independent is too narrow then. Percentiles, the sign test and Wilcoxon's are free of any assumption
on the distribution, and take pairs as independent of each other.
Sources: A. M. Law, Simulation Modeling and Analysis, section 9.5.3 (batch means); W. G. Cochran, Sampling Techniques,
6.3 and 9A.2 (a ratio over clusters of unequal size); W. J. Conover, Practical Nonparametric Statistics, 3.4 and 5.7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmload.analysis.student import quantile
from llmload.metrics import intervals
from llmload.metrics.buckets import Ints
from llmload.metrics.differences import Difference
from llmload.metrics.histogram import Histogram

__all__ = ["CONFIDENCE", "FEWEST_RANKED", "Ordered", "mean", "mean_interval", "sign_test", "wilcoxon"]

CONFIDENCE: Final = 0.95
FEWEST_RANKED: Final = 20
"""Pairs with a difference from which Wilcoxon's statistic is close to normal."""


def mean(difference: Difference) -> float | None:
    """The exact mean; None without pairs. As all here: in the unit of the metric's histogram."""
    return difference.total / difference.count if difference.count else None


def mean_interval(difference: Difference, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """By Student's t over blocks of time; None with fewer than two blocks."""
    blocks = [block for block in difference.blocks.values() if block[0]]
    middle = mean(difference)
    if middle is None or len(blocks) < 2:
        return None
    spread = sum((total - pairs * middle) ** 2 for pairs, total in blocks) * len(blocks) / (len(blocks) - 1)
    reach = quantile((1 + confidence) / 2, len(blocks) - 1) * math.sqrt(spread) / difference.count
    return middle - reach, middle + reach


@dataclass(frozen=True, slots=True)
class Ordered:
    """Differences in ascending order: from ``low`` to ``high`` lie ``upto[n] - upto[n - 1]`` of them, to the width of a
    bucket (0.1 %)."""

    low: Ints
    high: Ints
    upto: Ints

    @classmethod
    def of(cls, difference: Difference) -> Ordered:
        """The filled buckets of what is below 0, 0 itself, and what is above."""
        under, over = _edges(difference.below), _edges(difference.above)
        same = np.array([difference.same] if difference.same else [], np.int64)
        zero = np.zeros(len(same), np.int64)
        counts = np.concatenate((under[2][::-1], same, over[2]))
        low = np.concatenate((-under[1][::-1], zero, over[0]))
        high = np.concatenate((-under[0][::-1], zero, over[1]))
        return cls(low, high, counts.cumsum())

    @property
    def count(self) -> int:
        """Pairs."""
        return int(self.upto[-1]) if len(self.upto) else 0

    def percentile(self, p: float) -> float | None:
        """The value at percentile p (0..100): the middle of its bucket; None without pairs."""
        if not self.count:
            return None
        at = self._bucket_of(max(1, int(p * self.count / 100 + 0.5)))
        return float(self.low[at] + self.high[at]) / 2

    def interval(self, p: float, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
        """Bounds of the true percentile p, by order statistics; None if there are too few pairs."""
        found = intervals.ranks(self.count, p / 100, confidence)
        return None if found is None else (
            float(self.low[self._bucket_of(found[0])]), float(self.high[self._bucket_of(found[1])])
        )  # fmt: skip

    def enough(self, p: float, confidence: float = 0.99) -> bool:
        """Whether there are pairs enough to speak of percentile p."""
        return intervals.enough(self.count, p / 100, confidence)

    def _bucket_of(self, rank: int) -> int:
        return int(np.searchsorted(self.upto, rank))


def _edges(histogram: Histogram) -> tuple[Ints, Ints, Ints]:
    """Lowest and highest value of each filled bucket, no further than was seen, and how many lie in it."""
    counts, buckets = histogram.counts(), histogram.buckets
    low = np.maximum(buckets.lowest(counts.places), histogram.min)
    return low, np.minimum(buckets.highest(counts.places), histogram.max), counts.counts


def sign_test(difference: Difference) -> float | None:
    """The exact sign test, of both sides: how likely at least so uneven a split into slower and faster pairs is, if
    either is as likely; pairs without a difference are left out. None without any other."""
    more, less = difference.above.count, difference.below.count
    count = more + less
    if not count:
        return None
    few = min(more, less)
    first = max(0, few - math.ceil(20 * math.sqrt(count)) - 20)  # what lies further away is as good as nothing
    k = np.arange(first, few + 1)
    steps = np.log((count - k[:-1]) / (k[:-1] + 1))
    start = math.lgamma(count + 1) - math.lgamma(first + 1) - math.lgamma(count - first + 1) - count * math.log(2)
    at_most = float(np.exp(start + np.concatenate(([0.0], np.cumsum(steps)))).sum())
    return min(1.0, 2 * at_most)


def wilcoxon(difference: Difference) -> float | None:
    """Wilcoxon's signed-rank test, of both sides, by its normal approximation with ties; differences of one bucket are
    ties. None with fewer than FEWEST_RANKED pairs that differ."""
    above, below = difference.above.counts(), difference.below.counts()
    count = difference.above.count + difference.below.count
    if count < FEWEST_RANKED:
        return None
    places = np.union1d(above.places, below.places)
    more, less = np.zeros(len(places)), np.zeros(len(places))
    more[np.searchsorted(places, above.places)] = above.counts
    less[np.searchsorted(places, below.places)] = below.counts
    tied = more + less
    ranks = tied.cumsum() - (tied - 1) / 2
    variance = count * (count + 1) * (2 * count + 1) / 24 - float((tied**3 - tied).sum()) / 48
    excess = float((more * ranks).sum()) - count * (count + 1) / 4
    return math.erfc(abs(excess) / math.sqrt(2 * variance)) if variance > 0 else 1.0
