"""Histories for people, on a terminal: what changed first, then every figure over the runs."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Final

from rich.console import Console
from rich.text import Text

from llmload.reports.archive import History
from llmload.reports.grid import Column, grid
from llmload.reports.history_words import (
    change_words,
    drift_words,
    headline,
    picture,
    range_of,
    shown,
    size_of,
    summary_line,
)
from llmload.reports.style import ASCII_SIGNS

__all__ = ["render"]

_MOST: Final = 20
_STYLES: Final = {"WORSE": "bold red", "CHANGED": "bold yellow", "STEADY": "bold green"}


def render(found: Sequence[History], width: int = 80, color: bool = False, unicode: bool = True) -> str:
    """All of them, lines of at most ``width`` columns; ``unicode`` False keeps to ASCII, without pictures."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=1000, force_terminal=color, no_color=not color, legacy_windows=False,
        color_system="standard" if color else None, markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    for history in found:
        for section in (_head(history, width), _changes(history, width), _lines(history, width, unicode)):
            parts = list(section)
            for part in parts:
                console.print(part)
            if parts:
                console.print()
    lines = "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines()) + "\n"
    return lines if unicode else lines.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _head(history: History, width: int) -> Iterator[Text]:
    word = headline(history)
    yield Text.assemble((word, _STYLES.get(word, "bold")), (f"  {history.scenario}", "bold"))
    yield from (Text(line, "dim") for line in wrap(summary_line(history), width))


def _changes(history: History, width: int) -> Iterator[Text]:
    found = list(history.changes())
    for at, together in groupby(found[:_MOST], key=lambda each: each[1].at):
        for line, change, run in together:
            style = "red" if line.worse(change) else "green"
            told = f"{change_words(line, change)}, at {run.day} ({run.label})"
            yield from (Text(part, style) for part in wrap(told, width, subsequent_indent="  "))
        if differs := history.differences(at):
            told = f"since the run before: {'; '.join(differs)}"
            yield from (Text(part, "dim") for part in wrap(told, width, initial_indent="  ", subsequent_indent="  "))
    if len(found) > _MOST:
        yield Text(f"and {len(found) - _MOST:,} more changes", "dim")
    for line in history.lines:
        if said := drift_words(line):
            yield from (Text(part, "yellow") for part in wrap(said, width, subsequent_indent="  "))


def _lines(history: History, width: int, unicode: bool) -> Iterator[Text]:
    if not history.lines:
        return
    columns = [
        Column("Figure", right=False), Column("latest"), Column("level"), Column("range", rank=3),
        Column("last change", rank=1),
    ]  # fmt: skip
    if unicode:
        columns.append(Column("over the runs", right=False, rank=2))
    rows = []
    for line in history.lines:
        style = "red" if line.worsened else ""
        change = size_of(line, line.changes[-1]) if line.changes else ""
        cells = [
            str(line.figure), shown(line, float(line.values[-1])), shown(line, line.level), range_of(line), change,
            picture(line.values),
        ]  # fmt: skip
        rows.append([Text(cell, style) for cell in cells[: len(columns)]])
    yield from grid(columns, rows, width)
