"""Change points: where the level of a series changed, of windows of a run or of runs of a history, from 8 values on.

Binary segmentation over nested intervals: in the whole series and in ever shorter overlapping parts of it, every
place is tried as the border between two levels, by the difference of their mean ranks (a wild value counts no more
than its rank). If the largest difference is beyond what 95 % of shuffled series have, the series is cut there and
both parts are looked at in turn. So the chance to find anything in a series without a change is 5 %, whatever the
distribution of its values.

That is for values that are independent of each other. Where neighbours are alike (``independent`` False), the bound
is widened by what an autoregressive series needs; its correlation is taken from differences, which a few steps don't
touch.

Sources: S. Kovács, P. Bühlmann, H. Li and A. Munk, Seeded binary segmentation, 2023 (the intervals); D. S. Matteson
and N. A. James, A nonparametric approach for multiple change point analysis of multivariate data, 2014 (shuffling as
the test).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from llmload.analysis.series import Floats

__all__ = ["LEAST", "MOST", "Change", "change_points"]

LEAST: Final = 8
"""Values without which no change can be told from chance."""
MOST: Final = 400
"""Values beyond which a series is averaged in parts."""
_SEGMENT: Final = 2
"""Values between two changes, at least."""
_SHUFFLES: Final = 999
_DECAY: Final = 2**-0.5
"""Each layer of intervals is so much shorter than the one before."""


@dataclass(frozen=True, slots=True)
class Change:
    """``at``: the first value of the new level. ``before``, ``after``: medians up to the neighbouring changes."""

    at: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """after / before; 1.0 where there is nothing to divide by."""
        return self.after / self.before if self.before else 1.0


def change_points(values: Floats, independent: bool = True, chance: float = 0.05) -> tuple[Change, ...]:
    """Where the level changes, in order; nan is left out of account. ``chance``: that of finding a change in a series
    without one."""
    known = np.flatnonzero(~np.isnan(values))
    factor = -(-len(known) // MOST) if len(known) else 1
    whole = len(known) // factor
    series = values[known][: whole * factor].reshape(whole, factor).mean(axis=1)
    widened = 1.0 if independent else _widening(series)
    found = sorted(_cuts(series, 0, len(series), widened, chance))
    edges = [0, *found, len(series)]
    medians = [float(np.median(series[a:b])) for a, b in pairwise(edges) if b > a]
    return tuple(Change(int(known[cut * factor]), medians[n], medians[n + 1]) for n, cut in enumerate(found))


def _cuts(series: Floats, start: int, stop: int, widened: float, chance: float) -> Iterator[int]:
    count = stop - start
    if count < LEAST:
        return
    ranks = _ranks(series[start:stop])
    if ranks is None:
        return
    value, cut = _largest(ranks[None, :])
    if float(value[0]) <= widened * _bound(count, chance):
        return
    middle = start + int(cut[0])
    yield middle
    yield from _cuts(series, start, middle, widened, chance)
    yield from _cuts(series, middle, stop, widened, chance)


def _ranks(values: Floats) -> Floats | None:
    """Mean ranks, with mean 0 and standard deviation 1; None where all are equal."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    spread = ranks.std()
    scaled: Floats | None = (ranks - ranks.mean()) / spread if spread else None
    return scaled


@lru_cache(maxsize=512)
def _bound(count: int, chance: float) -> float:
    """What the largest difference of shuffled ranks is beyond with that chance."""
    ranks = np.arange(count) - (count - 1) / 2
    rows = np.tile(ranks / ranks.std(), (_SHUFFLES, 1))
    shuffled = np.random.default_rng(count).permuted(rows, axis=1)
    return float(np.sort(_largest(shuffled)[0])[int(np.ceil((1 - chance) * (_SHUFFLES + 1))) - 1])


def _largest(rows: Floats) -> tuple[Floats, Floats]:
    """Of each row, the largest difference of levels there is, in standard deviations, and where."""
    sums = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
    best, places = np.zeros(len(rows)), np.zeros(len(rows))
    for start, stop in _intervals(rows.shape[1]):
        count = stop - start
        left = np.arange(_SEGMENT, count - _SEGMENT + 1)
        inside = sums[:, start + left] - sums[:, [start]]
        whole = sums[:, [stop]] - sums[:, [start]]
        values = np.abs(inside - whole * left / count) / np.sqrt(left * (count - left) / count)
        top = values.argmax(axis=1)
        value = values[np.arange(len(rows)), top]
        better = value > best
        best, places = np.where(better, value, best), np.where(better, start + left[top], places)
    return best, places


@lru_cache(maxsize=512)
def _intervals(count: int) -> tuple[tuple[int, int], ...]:
    """The whole series, and ever shorter parts of it that overlap by half."""
    found: list[tuple[int, int]] = []
    length = float(count)
    while length >= max(LEAST, 2 * _SEGMENT):
        wide = int(np.ceil(length))
        many = max(1, 2 * int(np.ceil(count / length)) - 1)
        starts = np.linspace(0, count - wide, many).astype(int) if many > 1 else np.zeros(1, int)
        found += [(int(start), int(start) + wide) for start in starts]
        length *= _DECAY
    return tuple(dict.fromkeys(found))


def _widening(series: Floats) -> float:
    """What the standard deviation of a sum is to be multiplied by because neighbours are alike.

    With correlation r, differences of neighbours vary by 2 (1 - r), those of the next but one by 2 (1 - r^2): their
    ratio is 1 + r. Differences beyond three times their median are cut off there, so that a few steps don't count; a
    standard error is added, since to take too little for r is what makes false changes.
    """
    if len(series) < LEAST:
        return 1.0
    near, far = (_power(series[lag:] - series[:-lag]) for lag in (1, 2))
    r = min(max(far / near - 1, 0.0) + 1 / np.sqrt(len(series)), 0.9) if near else 0.0
    return float(np.sqrt((1 + r) / (1 - r)))


def _power(differences: Floats) -> float:
    sizes = np.abs(differences)
    return float((np.minimum(sizes, 3 * np.median(sizes)) ** 2).mean())
