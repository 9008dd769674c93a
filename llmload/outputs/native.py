"""Native histograms of Prometheus, made of HDR counts: exponential buckets, of which only those in use are told.

At schema s the bucket i holds values above b^(i-1) and up to b^i, where b = 2^(2^-s): at schema 5 each is 2.2 % wide.
A bucket of ours (0.1 % wide) goes, whole, where its middle belongs. Which buckets are in use is told as spans of
neighbours, how many values each holds as the difference to the one before
(https://prometheus.io/docs/specs/native_histograms/).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from llmload.metrics.histogram import Histogram
from llmload.outputs.exponential import bucket_numbers

__all__ = ["SCHEMAS", "ZERO", "Native", "Span", "factor", "native"]

SCHEMAS: Final = range(3, 9)
"""The resolutions that are told: from 9 % wide buckets to 0.27 %, about as fine as the HDR counts allow."""
ZERO: Final = 2.0**-128
"""Values up to this one count as zero, as Prometheus' own clients have it."""


@dataclass(frozen=True, slots=True)
class Span:
    """``length`` neighbouring buckets, after a gap of ``offset``; the first span's offset is its bucket's number."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Native:
    """A distribution in seconds. ``count`` of all values, ``total`` their sum, ``zero`` of them in no bucket;
    ``deltas``: what each bucket holds beyond the one before it."""

    schema: int
    count: int
    total: float
    zero: int
    spans: tuple[Span, ...]
    deltas: tuple[int, ...]


def factor(schema: int) -> float:
    """The upper bound of a bucket over its lower one."""
    return float(2.0**2.0**-schema)


def native(histogram: Histogram, unit: float, schema: int) -> Native:
    """The histogram in the buckets of ``schema``; ``unit``: what its values are in seconds."""
    values, counts = histogram.nonzero()
    some = values > 0
    numbers = bucket_numbers(values[some] * unit, schema) + 1  # OpenTelemetry counts from the lower bound
    buckets, firsts = np.unique(numbers, return_index=True)
    held = np.add.reduceat(counts[some], firsts) if len(firsts) else counts[some]
    zero = int(counts[~some].sum())
    deltas = tuple(np.diff(held, prepend=0).tolist())
    return Native(schema, histogram.count, histogram.total * unit, zero, _spans(buckets.tolist()), deltas)


def _spans(buckets: list[int]) -> tuple[Span, ...]:
    starts = [n for n, bucket in enumerate(buckets) if not n or bucket != buckets[n - 1] + 1]
    return tuple(
        Span(buckets[start] - (buckets[start - 1] + 1 if start else 0), stop - start)
        for start, stop in zip(starts, [*starts[1:], len(buckets)], strict=False)
    )
