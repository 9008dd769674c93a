"""The percentile distribution of one metric as text, as HdrHistogram's plotter reads it (``.hgrm``).

Theory of operation. Percentiles are told in steps that halve, five of them each time the distance to 100 % does, as
in HdrHistogram's ``outputPercentileDistribution``: the far tail is as detailed as the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from llmload.errors import UsageError
from llmload.metrics.catalogue import METRICS, Unit, scale
from llmload.metrics.histogram import Histogram
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.scenario.suggest import did_you_mean
from llmload.verdict.view import whole_view

__all__ = ["METRIC", "render"]

METRIC: Final = "latency"
"""Shown where none is asked for: every call that went well has one."""
_TICKS: Final = 5
_MILLI: Final = 1e3
_UNITS: Final = {Unit.TIME: "ms"}
"""What figures are in; the others are in the unit of the catalogue."""


def render(result: Result, metric: str = METRIC) -> bytes:
    """Of the measured calls; times in milliseconds. UsageError names the metrics there are."""
    if metric not in METRICS:
        hint = did_you_mean(metric, METRICS) or f"there are: {', '.join(METRICS)}"
        raise UsageError(f"there is no metric {metric[:40]!r}; {hint}")
    row = METRICS[metric]
    values = whole_view(result.summary, ()).slice.histogram(metric)
    unit = scale(row) * (_MILLI if row.unit is Unit.TIME else 1.0)
    said = f"{metric} of {clean(result.scenario.name, 60)}, {clean(result.started, 40)}".rstrip(" ,")
    lines = [f"#[{said}, in {_UNITS.get(row.unit, row.unit.value)}]", *_distribution(values, unit)]
    return "".join(f"{line}\n" for line in lines).encode()


def _distribution(values: Histogram, unit: float) -> Iterator[str]:
    yield f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}"
    yield ""
    for percentile, value, upto in _steps(values):
        rest = f" {1 / (1 - percentile / 100):14.2f}" if percentile < 100 else ""
        yield f"{value * unit:12.3f} {percentile / 100:2.12f} {upto:10d}{rest}"
    yield f"#[Mean    = {values.mean * unit:12.3f}, StdDeviation   = {values.stddev * unit:12.3f}]"
    yield f"#[Max     = {values.max * unit:12.3f}, Total count    = {values.count:12d}]"
    geometry = values.buckets
    buckets = geometry.size // (1 << geometry.magnitude) - 1
    yield f"#[Buckets = {buckets:12d}, SubBuckets     = {2 << geometry.magnitude:12d}]"


def _steps(values: Histogram) -> Iterator[tuple[float, int, int]]:
    """(percentile, the largest value of its bucket, how many values there are up to there)."""
    if not values.count:
        return
    counts = values.counts()
    upto = np.cumsum(counts.counts)
    reached = 100.0 * upto / values.count
    edges = np.minimum(values.buckets.highest(counts.places), values.max)
    percentile, last = 0.0, len(upto) - 1
    place = -1
    while place < last:
        place = int(np.searchsorted(reached, percentile))
        yield percentile, int(edges[place]), int(upto[place])
        halvings = math.floor(math.log2(100.0 / (100.0 - percentile))) + 1
        percentile += 100.0 / (_TICKS * 2**halvings)
    yield 100.0, int(edges[last]), int(upto[last])
