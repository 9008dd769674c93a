"""Histories as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from llmload.analysis.history import Line
from llmload.reports.archive import History
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
from llmload.reports.markdown_text import code, prose, table

__all__ = ["render"]

_SIGNS: Final = {"WORSE": "🔴", "CHANGED": "🟡", "STEADY": "🟢", "TOO FEW RUNS": "⚪"}
_MOST: Final = 20


def render(found: Sequence[History]) -> bytes:
    """UTF-8; nothing that others wrote is more than text in it."""
    return "\n\n".join("\n".join(_section(history)) for history in found).encode() + b"\n"


def _section(history: History) -> Iterator[str]:
    word = headline(history)
    yield f"## {_SIGNS[word]} {word}: {prose(history.scenario, 200)}"
    yield ""
    yield f"{prose(summary_line(history))}."
    yield ""
    found = list(history.changes())
    for at, together in groupby(found[:_MOST], key=lambda each: each[1].at):
        for line, change, run in together:
            yield f"- {prose(change_words(line, change))}, at {prose(run.day)} ({code(run.label)})"
        yield from (f"  - since the run before: {prose(differs)}" for differs in history.differences(at))
    if len(found) > _MOST:
        yield f"- and {len(found) - _MOST:,} more changes"
    yield from (f"- {prose(said)}" for line in history.lines if (said := drift_words(line)))
    yield ""
    columns = ("Figure", "over the runs", "latest", "level", "range", "last change")
    yield from table(columns, map(_cells, history.lines), texts=2)


def _cells(line: Line) -> tuple[str, ...]:
    change = size_of(line, line.changes[-1]) if line.changes else ""
    figures = (shown(line, float(line.values[-1])), shown(line, line.level), range_of(line), change)
    return code(str(line.figure)), picture(line.values), *map(prose, figures)
