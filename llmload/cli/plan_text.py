"""The outlook of a plan for a terminal: tables, and the planned rate over time in block characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from llmload.records import Call
from llmload.reports.style import ASCII_SIGNS, Style
from llmload.safe import clean
from llmload.scenario.plan import Plan
from llmload.scenario.preview import Outlook, Preview, mix_series, preview, series
from llmload.units import format_bytes, format_count, format_rate, format_seconds, format_share

__all__ = ["plot", "render"]

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_HEIGHT: Final = 8
_COLUMNS: Final = ("Phase", "Lasts", "Mean", "Peak", "Requests", "In", "Out", "Cost")
_FEWER: Final = ("Phase", "Lasts", "Peak", "Requests", "Cost")
_MIX_LOOKS: Final = 5
"""From the beginning of the run to its end."""
_WIDE: Final = 76
"""Columns of text that all columns of the table need."""

Listed = Sequence[tuple[float, str, Call]]


def render(plan: Plan, calls: Listed, style: Style, warnings: Sequence[str] = (), crew: str = "") -> str:
    """The whole text; ``calls`` are listed one by one at its end, and ``warnings`` come last. ``crew``: how many
    workers, and why."""
    file = StringIO()
    console = Console(
        file=file, width=style.width, force_terminal=style.color, color_system="standard" if style.color else None,
        markup=False, emoji=False, highlight=False, legacy_windows=False,
    )  # fmt: skip
    seen = preview(plan)
    level = format_rate if seen.unit == "requests/s" else format_count
    console.print(_headline(plan), style="bold" if style.color else None)
    for line in (*_facts(plan), *([f"by {crew}"] if crew else [])):
        console.print(line)
    console.print()
    console.print(_phases(seen, style, level))
    notes = [] if seen.total.requests is None or style.width < _WIDE else ["In and Out are tokens, Out at most"]
    notes += [f"pictures: {format_bytes(round(seen.total.image_bytes))} in all"] if seen.total.image_bytes else []
    notes += [] if all(phase.measure for phase in seen.phases) else ["* not measured"]
    console.print("; ".join(notes) + "\n" if notes else "", style="dim" if style.color else None)
    if seen.total.requests is not None:
        console.print(_classes(plan, seen, style))
    console.print(f"\n{'Rate' if seen.unit == 'requests/s' else 'Users'} over time")
    edge = max(len(level(seen.total.peak)), 8)
    width = max(10, style.width - edge - 4)
    for line in plot(series(plan, width), level, plan.load.duration, edge, style.unicode):
        console.print(line, style="cyan" if style.color else None, no_wrap=True)
    if calls:
        console.print()
        console.print(_arrivals(calls, style))
    for warning in warnings:
        console.print(f"\nwarning: {clean(warning, 1000)}", style="yellow" if style.color else None)
    text = file.getvalue()
    return text if style.unicode else text.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _headline(plan: Plan) -> str:
    demo = " (demonstration size)" if plan.demo else ""
    environment = f" [{plan.environment}]" if plan.environment else ""
    return clean(f"{plan.name}{environment}{demo}")


def _facts(plan: Plan) -> list[str]:
    load = plan.load
    process = type(load.process).__name__.lower()
    models = {
        "open": f"open model, {process} arrivals",
        "closed": f"closed model, think time {format_seconds(load.think)}",
        "paced": f"users at a limited rate, {process} arrivals",
    }
    bounds = [f"for {format_seconds(load.duration)}"]
    bounds += [f"at most {format_count(load.max_requests)} requests"] if load.max_requests else []
    bounds += [f"at most {format_count(load.max_in_flight)} in flight ({load.on_limit})"] if load.max_in_flight else []
    targets = ", ".join(f"{target.name} {target.base_url}" for target in plan.targets)
    told = ", ".join(f"{export.kind} {export.to}".rstrip() for export in plan.exports)
    lines = [plan.description] if plan.description else []
    lines += [f"{models[load.model]}, {', '.join(bounds)}", f"to {targets}"]
    lines += [f"told: {told}"] if told else []
    return [clean(line, 2000) for line in lines]


def _table(style: Style, *columns: str, numbers: int) -> Table:
    """A table whose last ``numbers`` columns are figures."""
    table = Table(box=box.SIMPLE_HEAD if style.unicode else box.ASCII2, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index >= len(columns) - numbers else "left", no_wrap=True)
    return table


def _phases(seen: Preview, style: Style, level: Callable[[float], str]) -> Table:
    columns = _COLUMNS if style.width >= _WIDE else _FEWER
    table = _table(style, *columns, numbers=len(columns) - 1)
    single = len(seen.phases) == 1
    for outlook in seen.phases:
        cells = _cells(outlook, level)
        table.add_row(*(cells[column] for column in columns), end_section=not single and outlook is seen.phases[-1])
    if not single:
        cells = _cells(seen.total, level)
        table.add_row(*(cells[column] for column in columns))
    return table


def _cells(outlook: Outlook, level: Callable[[float], str]) -> dict[str, str]:
    """One row of the table, by column."""
    cells = {
        "Phase": clean(outlook.name) + ("" if outlook.measure else " *"),
        "Lasts": format_seconds(outlook.duration),
        "Mean": level(outlook.mean),
        "Peak": level(outlook.peak),
    }
    if outlook.requests is None:
        return cells | dict.fromkeys(("Requests", "In", "Out", "Cost"), "?")
    return cells | {
        "Requests": format_count(outlook.requests),
        "In": format_count(outlook.input_tokens),
        "Out": format_count(outlook.output_tokens),
        "Cost": f"${outlook.cost:,.2f}",
    }


def _classes(plan: Plan, seen: Preview, style: Style) -> Table:
    over_time = mix_series(plan, _MIX_LOOKS)
    titles = ("Share over time",) if over_time else ()
    table = _table(style, "Class", "API", "Target", "Requests", "Share", *titles, numbers=2 + len(titles))
    requests = seen.total.requests or 1.0
    for cls in plan.classes:
        count = seen.total.classes[cls.name]
        shown = [" ".join(f"{share:.0%}" for share in over_time[cls.name])] if over_time else []
        targets, share = clean(", ".join(cls.targets)), format_share(count / requests)
        table.add_row(clean(cls.name), cls.api, targets, format_count(count), share, *shown)
    return table


def _arrivals(calls: Listed, style: Style) -> Table:
    table = _table(style, "#", "Phase", "Class", "Target", "At", "Tokens in", "Max out", numbers=3)
    for at, phase, call in calls:
        limit = "" if call.max_tokens is None else format_count(call.max_tokens)
        cells = [clean(text) for text in (phase, call.cls, call.target)]
        table.add_row(str(call.index), *cells, f"{at:.6f}", format_count(call.input_tokens), limit)
    return table


def plot(
    levels: Sequence[float], level: Callable[[float], str], duration: float, edge: int, unicode: bool = True
) -> list[str]:
    """Lines of text: ``levels`` as columns of blocks above a line of time; ``edge`` columns for the scale."""
    top = max(levels, default=0.0) or 1.0
    eighths = [round(value / top * _HEIGHT * 8) for value in levels]
    lines = []
    for row in reversed(range(_HEIGHT)):
        cells = "".join(_block(filled - row * 8, unicode) for filled in eighths)
        mark = level(top) if row == _HEIGHT - 1 else level(top / 2) if row == _HEIGHT // 2 - 1 else ""
        lines.append(f"{mark:>{edge}} {'┤' if unicode else '|'}{cells}".rstrip())
    line, corner = ("─", "└") if unicode else ("-", "+")
    lines.append(f"{level(0):>{edge}} {corner}{line * len(levels)}")
    end = format_seconds(duration)
    lines.append(f"{'':>{edge}}  0 s{end:>{max(len(end) + 1, len(levels) - 3)}}")
    return lines


def _block(eighths: int, unicode: bool) -> str:
    filled = min(max(eighths, 0), 8)
    return _BLOCKS[filled] if unicode else "#" if filled >= 4 else " "
