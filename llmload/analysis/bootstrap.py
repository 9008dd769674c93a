"""How far a figure of a run would differ if the run were made again: the bootstrap over windows of time.

What happens in one second has to do with what happened in the second before: a queue that is long stays long for a
while. So windows are drawn in blocks of successive ones, long enough for the memory to have faded from end to end
(the circular block bootstrap), and the number of windows is taken for what it is worth: the number of blocks.

The length of a block is twice the one by D. N. Politis and H. White, Automatic block-length selection for the
dependent bootstrap, 2004, as corrected by A. Patton, D. N. Politis and H. White, 2009, and at least a twentieth of the
run. Theirs makes the error of the *variance* smallest, but blocks of that length leave it too small; with these, and
with Student's t for as many degrees of freedom as there are blocks, less one, intervals hold what they promise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["DRAWS", "Spread", "block_length", "percentile_spread", "percentiles", "ratio_spread"]

Floats = NDArray[np.float64]
Buckets = tuple[Floats, Floats]
"""Where each begins and where it ends, in ascending order."""

DRAWS: Final = 1000
"""Runs drawn: their standard deviation is exact to 2 %."""
_SEED: Final = 20_231
"""Always the same, so that the same results give the same figures."""
_BLOCKS: Final = 20
"""At most so many blocks: fewer degrees of freedom cost little, and memory that the data hide can't harm."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The standard error of a figure, or of its logarithm, and the degrees of freedom it is known with."""

    error: float
    freedom: float


def block_length(series: Floats) -> float:
    """How many successive values a block needs (see above), from 1 to a third of the series."""
    count = len(series)
    if count < 6:
        return 1.0
    found = 2 * _politis_white(series - series.mean())
    return float(min(max(found, count / _BLOCKS, 1.0), count / 3))


def _politis_white(centred: Floats) -> float:
    """The optimal length for the circular bootstrap of a mean; 1 where nothing is remembered."""
    count = len(centred)
    unremarkable = max(5, math.ceil(math.sqrt(math.log10(count))))
    furthest = min(math.ceil(math.sqrt(count)) + unremarkable, count - 1)
    spectrum = np.fft.rfft(centred, 2 * count)
    covariances = np.fft.irfft(spectrum * spectrum.conj())[: furthest + 1] / count
    if covariances[0] <= 0:
        return 1.0
    remarkable = np.abs(covariances[1:] / covariances[0]) > 2 * math.sqrt(math.log10(count) / count)
    quiet = (lag for lag in range(furthest) if not remarkable[lag : lag + unremarkable].any())
    reach = min(2 * next(quiet, furthest), furthest)
    if not reach:
        return 1.0
    lags = np.arange(-reach, reach + 1)
    share = np.abs(lags) / reach
    weighed = np.where(share <= 0.5, 1.0, 2 * (1 - share)) * covariances[np.abs(lags)]
    slope, level = float((np.abs(lags) * weighed).sum()), float(weighed.sum())
    if level <= 0:
        return 1.0
    length = float((1.5 * (slope / level) ** 2 * count) ** (1 / 3))
    return min(max(length, 1.0), float(math.ceil(min(3 * math.sqrt(count), count / 3))))


def ratio_spread(above: Floats, below: Floats, log: bool = True) -> Spread:
    """Of sum(above) / sum(below), one of each per window: a mean (total and count), a share, a rate (count and
    seconds). Of its logarithm, unless ``log`` is False."""
    total = float(below.sum())
    if not total:
        return Spread(math.inf, 1.0)
    ratio = float(above.sum()) / total
    weights, freedom, correction = _weights(above - ratio * below)
    parts = weights @ below
    drawn = np.divide(weights @ above, parts, out=np.full(len(parts), np.nan), where=parts > 0)
    return _spread(drawn, freedom, correction, log)


def percentile_spread(buckets: Buckets, counts: Floats, p: float) -> Spread:
    """Of the logarithm of a percentile (0..100). ``counts``: how many values each window (row) has in each bucket
    (column)."""
    whole = counts.sum(axis=0)
    if not whole.sum():
        return Spread(math.inf, 1.0)
    value = float(percentiles(buckets, whole[None, :], p)[0])
    under = counts[:, buckets[1] <= value].sum(axis=1)
    weights, freedom, correction = _weights(under - p / 100 * counts.sum(axis=1))
    return _spread(percentiles(buckets, weights @ counts, p), freedom, correction, log=True)


def percentiles(buckets: Buckets, counts: Floats, p: float) -> Floats:
    """A percentile of each row of ``counts``, values taken as evenly spread within their bucket; nan of none."""
    sums = counts.cumsum(axis=1)
    ranks = p / 100 * sums[:, -1]
    place = np.minimum((sums < ranks[:, None]).sum(axis=1), counts.shape[1] - 1)
    row = np.arange(len(counts))
    here = counts[row, place]
    inside = np.divide(ranks - (sums[row, place] - here), here, out=np.full(len(row), np.nan), where=here > 0)
    low, high = buckets
    found: Floats = low[place] + inside * (high[place] - low[place])
    return found


def _weights(influence: Floats) -> tuple[Floats, float, float]:
    """How often each drawn run (row) has each window (column), the degrees of freedom, and what the standard deviation
    of drawn runs is to be multiplied by: k blocks vary by (k - 1) / k of what k independent ones would."""
    count = len(influence)
    length = max(1, round(block_length(influence)))
    worth = count / length
    return _drawn(count, length), max(worth - 1, 1.0), math.sqrt(worth / max(worth - 1, 0.5))


@lru_cache(maxsize=4)
def _drawn(count: int, length: int) -> Floats:
    """Runs of ``count`` windows, put together of blocks of ``length`` that begin anywhere and go round; the last one is
    cut so that every run is as long as the real one."""
    blocks = math.ceil(count / length)
    starts = np.random.default_rng(_SEED).integers(0, count, (DRAWS, blocks))
    lengths = np.full(blocks, length)
    lengths[-1] = count - length * (blocks - 1)
    wide = 2 * count + 1
    rows = wide * np.arange(DRAWS)[:, None]
    begun, ended = (
        np.bincount((rows + places).ravel(), minlength=DRAWS * wide) for places in (starts, starts + lengths)
    )
    unrolled = (begun - ended).reshape(DRAWS, wide).cumsum(axis=1)[:, :-1]
    drawn: Floats = (unrolled[:, :count] + unrolled[:, count:]).astype(np.float64)
    return drawn


def _spread(drawn: Floats, freedom: float, correction: float, log: bool) -> Spread:
    known = drawn[np.isfinite(drawn) & (drawn > 0)] if log else drawn[np.isfinite(drawn)]
    if len(known) < DRAWS / 2:
        return Spread(math.inf, 1.0)
    error = float((np.log(known) if log else known).std()) * correction
    return Spread(error, freedom)
