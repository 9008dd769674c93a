"""Plots over time from block characters: what was planned is shaded behind what was done, on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from llmload.dashboard import series
from llmload.dashboard.canvas import Line
from llmload.dashboard.frame import Frame
from llmload.dashboard.series import Axis, Series, Tape, axis_for, clock
from llmload.units import format_count, format_rate, format_seconds

__all__ = ["area", "nice", "plots", "ticks"]

_GUTTER: Final = 7
"""Cells left of a plot, for the labels of its scale."""
_NOTES: Final = 18
"""Cells right of it, for what it shows."""
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_SHADE: Final = "░"
_NICE: Final = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200)
_APART: Final = 10
"""Columns from one label of the axis to the next, at least."""
_LEAST: Final = 3
"""Rows below which a plot is drawn as a single one."""


def nice(value: float) -> float:
    """The next round number at or above ``value``, for the top of a scale."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next((step * size for step in _NICE if step * size >= value * 0.9999), 10 * size)


def _cell(row: int, level: float, planned: float, *, past: bool) -> tuple[str, str]:
    """One character: ``level`` and ``planned`` are heights in rows, ``row`` counts from the bottom."""
    filled = round((level - row) * 8)
    if level > 0 and row == 0:
        filled = max(1, filled)
    if filled > 0:
        return _BLOCKS[min(8, filled)], "plot"
    if planned - row >= 0.5 or row == 0 < planned:
        return _SHADE, "gap" if past else "ahead"
    return " ", ""


def area(done: Series, planned: Series, rows: int, top: float, style: str = "plot") -> list[Line]:
    """The plot itself, from its top row to its bottom row; ``top`` is the value that fills all rows."""
    scale = rows / top
    levels = [
        (min(rows, (level or 0.0) * scale), min(rows, (plan or 0.0) * scale), level is not None)
        for level, plan in zip(done, planned, strict=True)
    ]
    lines: list[Line] = []
    for row in reversed(range(rows)):
        cells = (_cell(row, level, plan, past=past) for level, plan, past in levels)
        runs = groupby(cells, key=lambda cell: cell[1])
        lines.append([("".join(text for text, _ in run), style if name == "plot" else name) for name, run in runs])
    return lines


def ticks(axis: Axis) -> Line:
    """The line under a plot: times from left to right, as many as stay apart."""
    text = " " * (_GUTTER - 1) + "└"
    step = next((step for step in _STEPS if step / axis.step >= _APART), 86_400.0)
    tick = math.ceil(axis.start / step) * step
    while tick <= axis.end:
        label = clock(tick)
        place = _GUTTER + round((tick - axis.start) / axis.step)
        if place + len(label) <= _GUTTER + axis.columns:
            text += "─" * (place - len(text)) + label
        tick += step
    return [(text + "─" * (_GUTTER + axis.columns - len(text)), "dim")]


@dataclass(frozen=True, slots=True)
class _Panel:
    """One plot: ``label`` writes a value of its scale in at most five characters, ``say`` its last value."""

    title: str
    done: Series
    planned: Series
    label: Callable[[float], str]
    say: Callable[[float], str]
    legend: tuple[Line, ...] = ()
    style: str = "plot"

    def draw(self, rows: int) -> list[Line]:
        known = [value for value in self.done if value is not None]
        top = nice(max([*known, *(value for value in self.planned if value is not None)], default=0.0))
        lines = area(self.done, self.planned, rows, top, self.style)
        last = self.say(known[-1]) if known else "-"
        notes: list[Line] = [[(f" {self.title} ", "dim"), (last, "")]]
        if rows > 1:
            notes = [[(f" {self.title}", "strong")], *(self.legend or ([(f" {last}", "")],))]
        for row, line in enumerate(lines):
            label = self.label(top) if row == 0 and rows > 1 else "0" if row == rows - 1 and rows > 1 else ""
            lines[row] = [(f"{label:>{_GUTTER - 2}} ", "dim"), ("┤" if label else "│", "dim"), *line]
            lines[row] += notes[row] if row < len(notes) else []
        return lines


def _short(value: float) -> str:
    """A number in at most five characters."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 10 * size:
            return f"{value / size:.0f}{letter}"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _short_seconds(value: float) -> str:
    """A duration in at most five characters."""
    for size, unit in ((3600.0, "h"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return "0"


def plots(frame: Frame, tape: Tape, width: int, rows: int) -> list[Line]:
    """As many plots as ``rows`` allows over one axis: the rates first, then TTFT, calls in flight, errors."""
    columns = width - _GUTTER - _NOTES
    if columns < 8 or rows < 2:
        return []
    axis = axis_for(frame.elapsed, frame.duration, columns)
    shown = zip(_heights(rows - 1), _panels(frame, tape, axis), strict=False)
    return [*(line for height, panel in shown for line in panel.draw(height)), ticks(axis)]


def _heights(rows: int) -> list[int]:
    """Rows for each plot, the first twice as tall as the others; single rows where there are few."""
    if rows < _LEAST + 2:
        return [rows]
    if rows < _LEAST * 5:
        strips = min(3, rows - _LEAST, 1 + (rows - 5) // 2)
        return [rows - strips] + [1] * strips
    other = min(7, rows // 5)
    return [rows - 3 * other, other, other, other]


def _panels(frame: Frame, tape: Tape, axis: Axis) -> Iterator[_Panel]:
    """The most important first; each is read only if there is room to draw it."""

    def read(name: str, fold: series.Fold) -> list[float | None]:
        return tape.read(name, fold, axis, frame.summary)

    nothing: Series = [None] * axis.columns
    legend: tuple[Line, ...] = ([(" █", "plot"), (" sent", "dim")], [(" ░", "ahead"), (" planned", "dim")])
    scheduled = _planned(frame, read("planned", series.planned), tape, axis)
    yield _Panel("calls/s", read("sent", series.sent), scheduled, _short, format_rate, legend)
    yield _Panel("ttft p95", read("ttft", series.ttft_p95), nothing, _short_seconds, format_seconds)
    yield _Panel("in flight", read("open", series.in_flight), nothing, _short, format_count)
    yield _Panel("errors", read("errors", series.errors), nothing, _short, format_rate, style="warn")


def _planned(frame: Frame, past: Series, tape: Tape, axis: Axis) -> Series:
    """What the schedule really had where that is known, the planned rate from there on."""
    rate = frame.planned_rate
    if rate is None:
        return past
    made = list(past)
    for column, value in enumerate(past):
        start, end = axis.span(column)
        if value is None:
            made[column] = tape.rate(rate, start, end) if (start + end) / 2 < frame.duration else 0.0
    return made
