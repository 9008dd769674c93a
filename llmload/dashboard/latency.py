"""The table of figures: a row for all calls and one per class, columns as many as fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from llmload.dashboard.canvas import Line, fit, safe
from llmload.dashboard.digest import DRAWN, Row
from llmload.dashboard.objectives import Lights
from llmload.units import format_count, format_share

__all__ = ["HEADINGS", "table"]

HEADINGS: Final = 2
"""Lines of the table before its first row."""
_NAME: Final = 10
_NAME_MOST: Final = 24
_PERCENTILE: Final = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}

Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Column:
    """``rank``: the columns of the highest rank go first where the terminal is too narrow for all."""

    group: str
    title: str
    width: int
    rank: int
    cell: Callable[[Row, Lights, dict[str, float]], Cell]


def _time(metric: str, stat: str) -> Callable[[Row, Lights, dict[str, float]], Cell]:
    def cell(row: Row, lights: Lights, units: dict[str, float]) -> Cell:
        histogram, percentile = row.histograms[metric], _PERCENTILE[stat]
        if not histogram.count:
            return "-", "dim"
        style = lights.style(metric, stat, row.name)
        if not histogram.enough(percentile):
            style = style or "dim"
        return _figure(row.percentile(metric, percentile) / units[metric]), style

    return cell


def _rate(row: Row, lights: Lights, units: dict[str, float]) -> Cell:
    return _figure(row.now.completed), ""


def _tokens(row: Row, lights: Lights, units: dict[str, float]) -> Cell:
    return _figure(row.now.output_tokens), ""


def _errors(row: Row, lights: Lights, units: dict[str, float]) -> Cell:
    rate = row.error_rate
    return ("-", "dim") if rate is None else (format_share(rate), lights.style("errors", "rate", row.name))


def _calls(row: Row, lights: Lights, units: dict[str, float]) -> Cell:
    return format_count(row.calls), ""


_COLUMNS: Final = (
    _Column("calls", "calls", 7, 5, _calls),
    _Column("ttft", "p50", 5, 0, _time("ttft", "p50")),
    _Column("ttft", "p95", 5, 0, _time("ttft", "p95")),
    _Column("ttft", "p99", 5, 2, _time("ttft", "p99")),
    _Column("ttft", "p99.9", 5, 6, _time("ttft", "p99.9")),
    _Column("itl", "p50", 5, 3, _time("itl", "p50")),
    _Column("itl", "p95", 5, 7, _time("itl", "p95")),
    _Column("itl", "p99", 5, 1, _time("itl", "p99")),
    _Column("latency", "p50", 5, 1, _time("latency", "p50")),
    _Column("latency", "p95", 5, 1, _time("latency", "p95")),
    _Column("latency", "p99", 5, 3, _time("latency", "p99")),
    _Column("latency", "p99.9", 5, 6, _time("latency", "p99.9")),
    _Column("now", "req/s", 5, 2, _rate),
    _Column("now", "tok/s", 5, 4, _tokens),
    _Column("", "errors", 6, 0, _errors),
)
"""From left to right; a new one is a row here."""


def _figure(value: float) -> str:
    """Three digits, never more than five characters."""
    if value >= 99_999.5:
        return f"{value / 1e6:.1f}M" if value < 99e6 else f"{value / 1e6:.0f}M"
    if value >= 9_999.5:
        return f"{value / 1e3:.1f}k"
    if value >= 99.95:
        return f"{value:.0f}"
    if value == 0:
        return "0"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _chosen(width: int) -> list[_Column]:
    """The columns that fit beside a name of the least width."""
    chosen: list[_Column] = list(_COLUMNS)
    while sum(column.width + 1 for column in chosen) + _NAME > width and chosen:
        worst = max(chosen, key=lambda column: column.rank)
        chosen.remove(worst)
    return chosen


def _units(rows: Sequence[Row]) -> dict[str, float]:
    """Microseconds in the unit that each metric's columns are in: seconds once its p99 reaches one."""
    return {name: 1e6 if any(row.percentile(name, 99.0) >= 999_500 for row in rows) else 1e3 for name in DRAWN}


def table(rows: Sequence[Row], lights: Lights, width: int, height: int) -> list[Line]:
    """Headings and at most ``height`` - 2 rows; classes that have no room are the least called."""
    shown = _fitting(rows, height - HEADINGS)
    chosen, units = _chosen(width), _units(shown)
    longest = max((len(safe(row.name)) for row in shown), default=0) + 1
    spare = width - sum(column.width + 1 for column in chosen)
    name = max(_NAME, min(longest, _NAME_MOST, spare))
    gap = 1 + min(2, max(0, spare - name) // max(1, len(chosen)))
    made = [_groups(chosen, units, name, gap), _titles(chosen, name, gap)]
    for row in shown:
        label = (safe(row.name), "") if row.name else ("all", "strong")
        line = fit([label], name)
        for column in chosen:
            text, style = column.cell(row, lights, units)
            line = [*line, (f"{text:>{column.width + gap}}", style or ("" if row.name else "strong"))]
        made.append(line)
    return made[:height]


def _fitting(rows: Sequence[Row], room: int) -> list[Row]:
    """The total and the busiest classes, in their own order."""
    if len(rows) <= room:
        return list(rows)
    busiest = sorted(range(1, len(rows)), key=lambda k: (-rows[k].calls, k))[: max(0, room - 1)]
    return [rows[k] for k in (0, *sorted(busiest))] if rows and room > 0 else []


def _groups(chosen: Sequence[_Column], units: dict[str, float], name: int, gap: int) -> Line:
    line: Line = [(" " * name, "")]
    for group, members in groupby(chosen, key=lambda column: column.group):
        size = sum(column.width + gap for column in members) - gap
        title = "" if group == "calls" else group
        if group in units:
            title += ", s" if units[group] == 1e6 else ", ms"
        text = f" {title} ".center(size, "─") if title and size > len(title) + 2 else title.center(size)
        line.append((" " * gap + text[:size], "dim"))
    return line


def _titles(chosen: Sequence[_Column], name: int, gap: int) -> Line:
    return [("class".ljust(name), "dim"), *((f"{column.title:>{column.width + gap}}", "dim") for column in chosen)]
