"""An HDR histogram as OpenTelemetry's exponential one.

At scale s, bucket i holds the values above b^i and up to b^(i+1), where b = 2^(2^-s) (OpenTelemetry specification,
metrics data model, "ExponentialHistogram"). The scale is the finest that needs no more than ``_MOST`` buckets for what
there is. A bucket of ours (0.1 % wide) goes, whole, where its middle belongs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from llmload.metrics.buckets import Ints
from llmload.metrics.histogram import Histogram

__all__ = ["Exponential", "bucket_numbers", "exponential"]

_MOST: Final = 160
"""Buckets: what SDKs of OpenTelemetry keep, so that every collector takes as many."""
_FINEST: Final = 8
"""A bucket then is 0.27 % wide; finer ones would be no wider than our own. Prometheus takes none that are finer."""
_COARSEST: Final = -4


@dataclass(frozen=True, slots=True)
class Exponential:
    """``counts`` of the buckets from number ``offset`` on; ``zeros``: how many values are 0."""

    scale: int
    offset: int
    counts: tuple[int, ...]
    zeros: int

    @property
    def width(self) -> float:
        """How much larger the upper bound of a bucket is than the lower one, as a share of it."""
        return float(2.0 ** (2.0**-self.scale) - 1)


def exponential(histogram: Histogram, unit: float) -> Exponential:
    """The histogram's values times ``unit``."""
    values, counts = histogram.nonzero()
    zeros = int(counts[values == 0].sum())
    some = values > 0
    if not some.any():
        return Exponential(0, 0, (), zeros)
    seconds = values[some] * unit
    scale = _scale(math.log2(seconds[0]), math.log2(seconds[-1]))
    places = bucket_numbers(seconds, scale)
    offset = int(places[0])
    filled = np.bincount(places - offset, weights=counts[some]).astype(np.int64)
    return Exponential(scale, offset, tuple(filled.tolist()), zeros)


def bucket_numbers(values: npt.NDArray[np.floating[Any]], scale: int) -> Ints:
    """The number of the bucket that each of the values, above 0, belongs in. Exact where one is a power of two, which
    is the upper bound of its bucket."""
    fractions, exponents = np.frexp(values)
    octave = 1 << max(scale, 0)
    bounds = 2.0 ** (np.arange(octave) / octave - 1)
    numbers: Ints = np.searchsorted(bounds, fractions) + (exponents.astype(np.int64) - 1) * octave - 1
    return numbers >> max(-scale, 0)


def _scale(low: float, high: float) -> int:
    """The finest that is allowed for values from 2^low to 2^high. At the coarsest, all that is measured fits."""
    scale = _FINEST
    while scale > _COARSEST and math.ceil(high * 2.0**scale) - math.ceil(low * 2.0**scale) >= _MOST:
        scale -= 1
    return scale
