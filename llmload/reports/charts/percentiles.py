"""The percentile plot of HdrHistogram: every value up to p99.99, the rare ones as wide as the frequent ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.histogram import Histogram
from llmload.reports.charts.chart import Drawing, Spec, Table
from llmload.reports.charts.colours import SERIES
from llmload.reports.charts.look import Look
from llmload.reports.charts.parts import by_colour, layers, seconds_axis, text_ticks
from llmload.reports.charts.subject import Subject
from llmload.units import format_seconds

__all__ = ["distribution"]

_PER_DECADE: Final = 16
_LAST: Final = 10_000.0
"""1 / (1 - p) of p99.99."""
_TICKS: Final = {1: "0", 2: "p50", 4: "p75", 10: "p90", 20: "p95", 100: "p99", 1000: "p99.9", 10_000: "p99.99"}
_TICKS_NARROW: Final = {2: "p50", 10: "p90", 100: "p99", 1000: "p99.9", 10_000: "p99.99"}
_ROWS: Final = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99)
_RELIABLE, _THIN = "enough values", "too few values to rely on"

Line = tuple[str, str, Histogram, float]
"""Name, metric, values, seconds per unit."""


def distribution(metrics: Sequence[str], subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """A line for each metric or, of several results, one for each of them. Dashed where the sample is too small."""
    lines = list(_lines(metrics, subjects))
    if not lines:
        return None
    several = len(subjects) > 1
    points = [point for line in lines for point in _points(line)]
    names = list(dict.fromkeys(point["what"] for point in points))
    meanings = SERIES[: len(names)] if several else [line[1] for line in lines]
    ticks = _TICKS_NARROW if look.narrow else _TICKS
    x: Spec = {
        "field": "x", "type": "quantitative",
        "scale": {"type": "log", "domain": [1, _LAST], "nice": False},
        "axis": {"title": None, "values": list(ticks), "labelExpr": text_ticks(ticks.values(), ticks)},
    }  # fmt: skip
    title = METRICS[metrics[0]].title if len(metrics) == 1 else None
    channels: dict[str, Any] = {
        "x": x, "y": {"field": "v", **seconds_axis([point["v"] for point in points], title)},
        "color": by_colour(look, names, meanings),
        "detail": {"field": "stretch"},
        "strokeDash": {
            "field": "how", "type": "nominal", "legend": None,
            "scale": {"domain": [_RELIABLE, _THIN], "range": [[1, 0], [3, 3]]},
        },
    }  # fmt: skip
    mark = {"type": "line", "strokeWidth": 1.8, "interpolate": "linear"}
    spec = layers(look, {"data": {"values": points}, "mark": mark, "encoding": channels})
    return Drawing(spec, _says(lines), _table(lines))


def _lines(metrics: Sequence[str], subjects: Sequence[Subject]) -> list[Line]:
    found = []
    for subject in subjects:
        calls = subject.result.summary.select(measured=True)
        for metric in metrics:
            values = calls.histogram(metric)
            name = METRICS[metric].title if len(subjects) == 1 else subject.label
            if len(subjects) > 1 and len(metrics) > 1:
                name = f"{METRICS[metric].title}, {subject.label}"
            if values.count:
                found.append((name, metric, values, scale(METRICS[metric])))
    return found


def _points(line: Line) -> list[dict[str, Any]]:
    """Up to the percentile that one value in the sample stands for; the first one too few share the last enough."""
    name, _, values, unit = line
    made: list[dict[str, Any]] = []
    for k in range(4 * _PER_DECADE + 1):
        x = 10 ** (k / _PER_DECADE)
        if x > max(1.0, values.count):
            break
        p = 100 * (1 - 1 / x)
        point = {"x": float(f"{x:.6g}"), "v": float(f"{values.percentile(p) * unit:.5g}"), "what": name}
        how = _RELIABLE if values.enough(p) or not k else _THIN
        if made and made[-1]["how"] != how:
            made.append(point | {"how": made[-1]["how"], "stretch": f"{name} {made[-1]['how']}"})
        made.append(point | {"how": how, "stretch": f"{name} {how}"})
    return made


def _says(lines: Sequence[Line]) -> str:
    parts = []
    for name, _, values, unit in lines:
        p50, p99, most = (format_seconds(v * unit) for v in (values.percentile(50), values.percentile(99), values.max))
        parts.append(f"{name}: p50 {p50}, p99 {p99}, largest {most}")
    return f"How long calls took, by percentile. {'; '.join(parts)}"


def _table(lines: Sequence[Line]) -> Table:
    columns = ("percentile", *(name for name, _, _, _ in lines))
    rows = [(f"p{p:g}", *(_cell(values, p, unit) for _, _, values, unit in lines)) for p in _ROWS]
    last = ("largest", *(format_seconds(values.max * unit) for _, _, values, unit in lines))
    count = ("values", *(f"{values.count:,}" for _, _, values, _ in lines))
    return Table(columns, (*rows, last, count))


def _cell(values: Histogram, p: float, unit: float) -> str:
    said = format_seconds(values.percentile(p) * unit)
    return said if values.enough(p) else f"~{said}"
