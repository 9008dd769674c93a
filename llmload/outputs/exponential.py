"""An HDR histogram as OpenTelemetry's exponential one.

At scale s, bucket i holds the values above b^i and up to b^(i+1), where b = 2^(2^-s) (OpenTelemetry specification,
metrics data model, "ExponentialHistogram"). The scale is the finest that needs no more than ``_MOST`` buckets for what
there is. A bucket of ours (0.1 % wide) goes, whole, where its middle belongs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmload.metrics.histogram import Histogram

__all__ = ["Exponential", "exponential"]

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
    logarithms = np.log2(values[some] * unit)
    scale = _scale(float(logarithms[0]), float(logarithms[-1]))
    places = np.ceil(logarithms * 2.0**scale).astype(np.int64) - 1
    offset = int(places[0])
    filled = np.bincount(places - offset, weights=counts[some]).astype(np.int64)
    return Exponential(scale, offset, tuple(filled.tolist()), zeros)


def _scale(low: float, high: float) -> int:
    """The finest that is allowed for values from 2^low to 2^high. At the coarsest, all that is measured fits."""
    scale = _FINEST
    while scale > _COARSEST and math.ceil(high * 2.0**scale) - math.ceil(low * 2.0**scale) >= _MOST:
        scale -= 1
    return scale
