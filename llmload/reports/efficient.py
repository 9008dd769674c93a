"""Efficiency in reports: what the target made, phase by phase, of what it used."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from rich.text import Text

from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean
from llmload.verdict.efficiency import RESOURCES, WORKS, efficiency, used
from llmload.verdict.kinds import Kind
from llmload.verdict.view import View, whole_view

__all__ = ["EFFICIENCY_COLUMNS", "efficiency_figures", "efficiency_rows", "efficiency_section"]

_ALL: Final = tuple(RESOURCES.values())
_MOST_ROWS: Final = 20
_SHOWN: Final = (("output", "core"), ("output", "gb"), ("output", "replica"), ("tokens", "replica"), ("calls", "core"))
EFFICIENCY_COLUMNS: Final = (
    Column("Efficiency", right=False, least=12), Column("cores", rank=3), Column("memory", rank=4),
    Column("replicas", rank=2), Column("out tok/s/core"), Column("/GB", rank=1), Column("/replica"),
    Column("all tok/s/replica", rank=6), Column("calls/s/core", rank=5),
)  # fmt: skip


def efficiency_figures(summary: Summary) -> list[dict[str, Any]]:
    """A row for each measured phase in which anything was observed, as plain values; null where nobody saw it."""
    return [
        {
            "phase": phase,
            "used": {resource.figure: _tidy(_times(used(view, resource), resource.unit)) for resource in _ALL},
            **{
                f"{what}_per_{of}": _tidy(efficiency(view, work, resource))
                for what, work in WORKS.items()
                for of, resource in RESOURCES.items()
            },
        }
        for phase, view in _views(summary)
    ]


def _views(summary: Summary) -> Iterator[tuple[str, View]]:
    """The measured phases in which the use of anything is known; of a run without phases the whole."""
    names = list(dict.fromkeys(info.name for info in summary.phases if info.measure)) or [""]
    for name in names:
        view = whole_view(summary, (("phase", name),) if name else ())
        if any(used(view, resource) is not None for resource in _ALL):
            yield name, view


def _times(value: float | None, unit: float) -> float | None:
    return None if value is None else value * unit


def _tidy(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def efficiency_rows(summary: Summary) -> tuple[list[list[Text]], int] | None:
    """A row with a cell for each of ``EFFICIENCY_COLUMNS`` per measured phase, and how many more there are; None where
    nobody saw what the target uses, or it made nothing of it. Names are cleaned."""
    views = list(_views(summary))
    if not any(efficiency(view, work, of) for _, view in views for work in WORKS.values() for of in _ALL):
        return None
    return [_row(name, view) for name, view in islice(views, _MOST_ROWS)], max(0, len(views) - _MOST_ROWS)


def _row(name: str, view: View) -> list[Text]:
    kinds = {"cores": Kind.COUNT, "memory": Kind.BYTES, "replicas": Kind.COUNT}
    amounts = [(kinds[each.figure], _times(used(view, each), each.unit)) for each in _ALL]
    works = [(Kind.COUNT, efficiency(view, WORKS[what], RESOURCES[of])) for what, of in _SHOWN]
    return [Text(clean(name, 28) or "all"), *(_cell(kind, value) for kind, value in (*amounts, *works))]


def _cell(kind: Kind, value: float | None) -> Text:
    return Text("-", "dim") if value is None else Text(kind.show(value))


def efficiency_section(summary: Summary, width: int) -> Iterator[Text]:
    """The table of the text report."""
    if found := efficiency_rows(summary):
        rows, left = found
        yield from grid(EFFICIENCY_COLUMNS, rows, width)
        if left:
            yield Text(f"and {left:,} more phases, which are in the JSON document", "dim")
