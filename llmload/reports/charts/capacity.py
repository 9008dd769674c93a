"""The curve of throughput and latency that a capacity search has walked along, with its knee."""

from __future__ import annotations

from typing import Any, Final

from llmload.reports.charts.chart import Drawing, Spec, Table
from llmload.reports.charts.look import Look
from llmload.reports.charts.parts import by_colour, layers, seconds_axis
from llmload.reports.search_text import answer_of, show
from llmload.reports.searched import SearchResult, Step
from llmload.units import format_rate, format_seconds

__all__ = ["curve"]

_RATE: Final = "load.rate"
_LINES: Final = {"latency p95": "p95", "latency p50": "p50"}
"""What is drawn -> the meaning of its colour."""


def curve(found: SearchResult, look: Look) -> Drawing | None:
    """Latency over the calls/s that were completed, step by step; None with fewer than two that were measured."""
    steps = found.curve
    if len(steps) < 2:
        return None
    points = [point for step in steps for point in _points(step)]
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"zero": True},
        "axis": {"title": "completed calls/s", "tickCount": 8},
    }
    channels: dict[str, Any] = {
        "x": x, "y": {"field": "v", **seconds_axis([point["v"] for point in points])},
        "color": by_colour(look, list(_LINES), list(_LINES.values())), "order": {"field": "load"},
    }  # fmt: skip
    lines: Spec = {
        "data": {"values": points}, "encoding": channels,
        "mark": {"type": "line", "strokeWidth": 1.8, "point": {"size": 40, "filled": True}},
    }  # fmt: skip
    return Drawing(layers(look, *_band(found, look), *_knee(found, look), lines), _says(found), _table(found))


def _points(step: Step) -> list[dict[str, Any]]:
    values = {"latency p95": step.p95, "latency p50": step.p50}
    at, load = float(f"{step.completed:.5g}"), float(f"{step.value:.5g}")
    return [
        {"x": at, "load": load, "v": float(f"{value:.5g}"), "what": name} for name, value in values.items() if value
    ]


def _band(found: SearchResult, look: Look) -> list[Spec]:
    """The interval of the capacity, where it is a rate as the axis is."""
    interval = found.capacity.interval
    if interval is None or found.key != _RATE:
        return []
    data = {"values": [{"a": float(f"{interval[0]:.5g}"), "b": float(f"{interval[1]:.5g}")}]}
    span = {"x": {"field": "a", "type": "quantitative"}, "x2": {"field": "b"}}
    return [{"data": data, "mark": {"type": "rect", "color": look.colours["unmeasured"]}, "encoding": span}]


def _knee(found: SearchResult, look: Look) -> list[Spec]:
    if found.knee is None:
        return []
    data = {"values": [{"x": float(f"{found.knee.completed:.5g}"), "said": "knee"}]}
    at = {"x": {"field": "x", "type": "quantitative"}}
    rule = {"type": "rule", "color": look.colours["dim"], "strokeDash": [3, 3]}
    text = {"type": "text", "baseline": "bottom", "dy": -4, "color": look.colours["dim"]}
    return [
        {"data": data, "mark": rule, "encoding": at},
        {"data": data, "mark": text, "encoding": {**at, "y": {"value": 0}, "text": {"field": "said"}}},
    ]


def _says(found: SearchResult) -> str:
    knee = f" Knee at {show(found.key, found.knee.value)}." if found.knee else ""
    return f"Latency over completed calls, one point for each load. {answer_of(found)}.{knee}"


def _table(found: SearchResult) -> Table:
    rows = [
        (
            show(found.key, step.value), format_rate(step.completed), format_seconds(step.p50),
            format_seconds(step.p95), step.answer.value + (", knee" if step is found.knee else ""),
        )
        for step in found.curve
    ]  # fmt: skip
    return Table(("load", "completed", "latency p50", "latency p95", "objectives"), tuple(rows))
