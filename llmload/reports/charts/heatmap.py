"""Where all the values lie, over time: what percentiles can't show is two kinds of calls side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmload.analysis.series import Floats
from llmload.metrics.catalogue import METRICS, scale
from llmload.reports.charts.chart import Drawing, Spec, Table
from llmload.reports.charts.colours import HEAT
from llmload.reports.charts.look import Look
from llmload.reports.charts.parts import by_colour, clock, layers, seconds_axis, time_axis
from llmload.reports.charts.subject import Subject
from llmload.units import format_count, format_seconds

__all__ = ["heat"]

_BANDS: Final = 28
_COLUMNS: Final = 60
"""At most so many stretches of time: a finer map is larger, and no clearer."""
_TABLE_BANDS: Final = 7
_LEAST_RATIO: Final = 1.5
"""From the lowest to the highest edge at least: a metric that hardly varies is not blown up."""
_LOG_BEYOND: Final = 5.0
"""The highest over the lowest from which on the scale is logarithmic."""


def heat(metric: str, subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """How many values of each size there were in each stretch of time: the darker (on light paper), the more."""
    subject = subjects[0]
    histograms = subject.histograms(metric)
    if not any(each.count for each in histograms):
        return None
    unit = scale(METRICS[metric])
    filled = [each for each in histograms if each.count]
    least, most = min(each.min for each in filled) or 1, max(each.max for each in filled) or 1
    stretch = math.ceil(len(histograms) / _COLUMNS)
    bands, columns = _bands(float(least), float(most)), _columns(subject, metric, stretch)
    counts = np.array([_counted(column, bands) for column in columns])
    levels = _levels(int(counts.max()))
    names = [_range(levels, n) for n in range(len(levels))]
    edges = [float(subject.edges[min(n * stretch, len(histograms))]) for n in range(len(columns) + 1)]
    cells = [
        {"t": edges[first], "u": edges[stop], "v": low, "w": high, "what": names[level]}
        for band, (low, high) in enumerate(pairwise(float(f"{edge:.4g}") for edge in bands * unit))
        for first, stop, level in _runs(np.searchsorted(levels, counts[:, band], side="right") - 1)
    ]
    shades = [HEAT[round(n * (len(HEAT) - 1) / max(1, len(levels) - 1))] for n in range(len(levels))]
    channels = {
        "x": {"field": "t", **time_axis(subject.end, look)}, "x2": {"field": "u"},
        "y": {"field": "v", **_axis(METRICS[metric].title, bands * unit)},
        "y2": {"field": "w"},
        "color": by_colour(look, names, shades),
    }  # fmt: skip
    spec = layers(look, {"data": {"values": cells}, "mark": {"type": "rect"}, "encoding": channels})
    return Drawing(
        spec, _says(metric, least * unit, most * unit, int(counts.sum())), _table(subject, metric, unit, bands)
    )


def _runs(row: NDArray[np.intp]) -> Iterator[tuple[int, int, int]]:
    """Neighbouring cells of one colour as one: first, beyond the last, level. Empty cells (-1) are left out."""
    first = 0
    for level, cells in groupby(row.tolist()):
        stop = first + len(list(cells))
        if level >= 0:
            yield first, stop, level
        first = stop


def _axis(title: str, bands: Floats) -> Spec:
    low, high = (float(f"{edge:.5g}") for edge in (bands[0], bands[-1]))
    axis = seconds_axis([low, high], title, log=high > low * _LOG_BEYOND)
    return axis | {"scale": axis["scale"] | {"domain": [low, high], "nice": False, "zero": False}}


def _columns(subject: Subject, metric: str, stretch: int) -> list[list[tuple[Floats, Floats]]]:
    """The values and how often they are, of every ``stretch`` stretches together."""
    pairs: list[tuple[Floats, Floats]] = [
        (values.astype(float), counts.astype(float))
        for values, counts in (each.nonzero() for each in subject.histograms(metric))
    ]
    return [pairs[n : n + stretch] for n in range(0, len(pairs), stretch)]


def _bands(low: float, high: float) -> Floats:
    """The edges of bands that are equally wide on the scale."""
    if high < low * _LEAST_RATIO:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(_LEAST_RATIO), middle * math.sqrt(_LEAST_RATIO)
    spaced = np.geomspace if high > low * _LOG_BEYOND else np.linspace
    edges: Floats = spaced(max(low * 0.99, 0.5), high * 1.01, _BANDS + 1)
    return edges


def _counted(column: Sequence[tuple[Floats, Floats]], bands: Floats) -> Floats:
    values = np.concatenate([values for values, _ in column])
    weights = np.concatenate([counts for _, counts in column])
    counted: Floats = np.histogram(np.clip(values, bands[0], bands[-1]), bands, weights=weights)[0]
    return counted


def _levels(most: int) -> list[int]:
    """Where each colour begins: 1 at first, then in equal ratios up to about ``most``."""
    steps = np.geomspace(1, max(most, 1) + 1, len(HEAT) + 1)[:-1]
    return sorted({max(1, round(step)) for step in steps})


def _range(levels: Sequence[int], n: int) -> str:
    last = levels[n + 1] - 1 if n + 1 < len(levels) else None
    if last == levels[n]:
        return format_count(last)
    return f"{format_count(levels[n])}+" if last is None else f"{format_count(levels[n])}–{format_count(last)}"


def _says(metric: str, low: float, high: float, count: int) -> str:
    values = f"{format_count(count)} values from {format_seconds(low)} to {format_seconds(high)}"
    return f"Every {METRICS[metric].title} over time, by size: {values}"


def _table(subject: Subject, metric: str, unit: float, bands: Floats) -> Table:
    """The same with fewer bands: a table of all of them is for no one to read."""
    edges = np.array([bands[round(n * (len(bands) - 1) / _TABLE_BANDS)] for n in range(_TABLE_BANDS + 1)])
    titles = [f"{format_seconds(edges[n] * unit)}–{format_seconds(edges[n + 1] * unit)}" for n in range(_TABLE_BANDS)]
    rows = [
        (clock(at), *(f"{count:,.0f}" for count in _counted(column, edges)))
        for at, column in zip(subject.series.at, _columns(subject, metric, 1), strict=True)
    ]
    return Table(("from", *titles), tuple(rows))
