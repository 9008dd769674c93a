"""Charts of amounts over time: calls planned, sent, completed and good; calls in flight; tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llmload.reports.charts.chart import Drawing, Spec, Table
from llmload.reports.charts.colours import SERIES
from llmload.reports.charts.look import Look
from llmload.reports.charts.parts import by_colour, clock, layers, numbers, phase_layers, rows_of, time_axis
from llmload.reports.charts.subject import Subject
from llmload.units import format_count, format_rate

__all__ = ["flow", "in_flight", "tokens"]

_FEW: Final = 60
"""Points below which each is marked."""
_STEPS: Final = (("planned", "planned"), ("sent", "sent"), ("completed", "completed"), ("goodput", "good"))
"""What became of the calls that were planned: series, name."""


def flow(subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """Planned as an area; sent, completed and good as lines. Of several results, planned and good alone."""
    if not any(len(subject.series) for subject in subjects):
        return None
    if len(subjects) > 1:
        return _one_line_each(subjects, look, "goodput", "good calls/s")
    subject = subjects[0]
    rates = {title: numbers(subject.rate(name)) for name, title in _STEPS}
    points = [
        {"t": t, "v": value, "what": title}
        for title, values in rates.items()
        for t, value in zip(numbers(subject.middles), values, strict=True)
    ]
    x, y = time_axis(subject.end, look), _amount("calls/s")
    colour = by_colour(look, [title for _, title in _STEPS], [name for name, _ in _STEPS])
    channels = {"x": {"field": "t", **x}, "y": {"field": "v", **y}, "color": colour}
    area, lines = ({"values": [p for p in points if (p["what"] == "planned") is planned]} for planned in (True, False))
    spec = layers(
        look,
        *phase_layers(subjects, look),
        {"data": area, "mark": {"type": "area", "opacity": 0.45}, "encoding": channels},
        {"data": lines, "mark": _line(len(subject.series)), "encoding": channels},
    )
    return Drawing(spec, _says(subject), _table(subject))


def in_flight(subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """The most calls open at once."""
    return _one_line_each(subjects, look, "in_flight", "calls in flight", "in-flight")


def tokens(subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """Tokens of good answers per second, in the stretch in which the answer was complete."""
    if not any(subject.series.output_tokens.any() for subject in subjects):
        return None
    return _one_line_each(subjects, look, "output_tokens", "output tokens/s", "tokens")


def _one_line_each(
    subjects: Sequence[Subject], look: Look, name: str, unit: str, meaning: str = "goodput"
) -> Drawing | None:
    shown = [subject for subject in subjects if len(subject.series)]
    if not shown:
        return None
    values = [subject.rate(name) if unit.endswith("/s") else getattr(subject.series, name) for subject in shown]
    points = [
        {"t": t, "v": value, "what": subject.label}
        for subject, series in zip(shown, values, strict=True)
        for t, value in zip(numbers(subject.middles), numbers(series), strict=True)
    ]
    end = max(subject.end for subject in shown)
    channels: dict[str, Any] = {
        "x": {"field": "t", **time_axis(end, look)}, "y": {"field": "v", **_amount(unit)},
        "color": by_colour(look, [subject.label for subject in shown], SERIES[: len(shown)]),
    }  # fmt: skip
    if len(shown) == 1:
        channels["color"] = {"value": look.colours[meaning]}
    line = _line(max(len(subject.series) for subject in shown))
    spec = layers(look, *phase_layers(shown, look), {"data": {"values": points}, "mark": line, "encoding": channels})
    peaks = [
        f"{subject.label} at most {format_count(series.max())}" for subject, series in zip(shown, values, strict=True)
    ]
    return Drawing(spec, f"{unit} over time: {'; '.join(peaks)}", _by_time(shown, values, unit))


def _by_time(shown: Sequence[Subject], values: Sequence[Any], unit: str) -> Table:
    """A row for each stretch of the longest result."""
    longest = max(shown, key=lambda subject: len(subject.series))
    columns = {"from": [clock(at) for at in longest.series.at]}
    for subject, series in zip(shown, values, strict=True):
        aligned = [_at(subject, series, at) for at in longest.series.at]
        columns[f"{unit}, {subject.label}" if len(shown) > 1 else unit] = aligned
    return Table(tuple(columns), rows_of(columns))


def _at(subject: Subject, series: Any, at: float) -> str:
    place = int(at // subject.series.width)
    return f"{series[place]:,.4g}" if place < len(series) else ""


def _line(points: int) -> Spec:
    return {"type": "line", "strokeWidth": 1.8, "point": {"size": 14} if points <= _FEW else False}


def _amount(unit: str) -> Spec:
    axis = {"title": unit, "titleAnchor": "end", "tickCount": 5, "format": "~s"}
    return {"type": "quantitative", "scale": {"zero": True, "nice": True}, "axis": axis}


def _says(subject: Subject) -> str:
    tops = ", ".join(f"{title} {format_rate(subject.rate(name).max())}" for name, title in _STEPS)
    return f"Calls per second over {clock(subject.end)}; at most {tops}"


def _table(subject: Subject) -> Table:
    columns = {"from": [clock(at) for at in subject.series.at]}
    for name, title in _STEPS:
        columns[f"{title}, calls"] = [format_count(value) for value in getattr(subject.series, name)]
    return Table(tuple(columns), rows_of(columns))
