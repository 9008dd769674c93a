"""Interference in reports: how much slower each service is beside others than alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from llmload import units
from llmload.analysis.difference import Difference
from llmload.analysis.slowdown import BOUND, FIGURES, Slowdown, slowdowns
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean

__all__ = ["SLOWDOWN_COLUMNS", "slowdown_figures", "slowdown_rows", "slowdown_section"]

_MOST_ROWS: Final = 20
SLOWDOWN_COLUMNS: Final = (
    Column("Slowdown", right=False, least=20), Column("own load", rank=3), Column("alone", rank=1),
    Column("beside", rank=2), Column("p50"), Column("95 % interval", right=False), Column("p95"),
    Column("95 % interval", right=False, rank=4),
)  # fmt: skip


def slowdown_figures(summary: Summary) -> list[dict[str, Any]]:
    """As plain values in SI units; an end of an interval that the calls don't reach is null."""
    return [
        {
            "service": each.service, "others": each.others, "phase": each.phase, "alone": each.alone,
            "load": _tidy(each.load), **{name: _against(each.figures[name]) for name in FIGURES},
        }
        for each in slowdowns(summary)
    ]  # fmt: skip


def _against(found: Difference) -> dict[str, Any]:
    low, high = found.interval
    return {
        "alone": _tidy(found.a.value),
        "beside": _tidy(found.b.value),
        "ratio": None if found.ratio is None else _tidy(found.ratio),
        "interval": [_tidy(low) if low > 0 else None, _tidy(high) if math.isfinite(high) else None],
    }


def _tidy(value: float) -> float:
    return float(f"{value:.6g}")


def slowdown_rows(summary: Summary) -> tuple[list[list[Text]], list[str]] | None:
    """A row with a cell for each of ``SLOWDOWN_COLUMNS`` per service, and phase in which others were asked too; and
    what to know of them. None where no service was alone. Names are cleaned."""
    found = slowdowns(summary)
    if not found:
        return None
    shown, remarks = found[:_MOST_ROWS], []
    if len(found) > _MOST_ROWS:
        remarks.append(f"and {len(found) - _MOST_ROWS:,} more, which are in the JSON document")
    remarks += [
        f"{clean(each.service, 28)} has more load of its own in {clean(each.phase, 28)} than alone: "
        "that may be why it is slower"
        for each in shown
        if not each.comparable
    ]
    return [_row(each) for each in shown], remarks


def slowdown_section(summary: Summary, width: int) -> Iterator[Text]:
    """The table of the text report."""
    if found := slowdown_rows(summary):
        rows, remarks = found
        yield from grid(SLOWDOWN_COLUMNS, rows, width)
        yield from (Text(remark, "yellow") for remark in remarks)


def _row(each: Slowdown) -> list[Text]:
    median, tail = (each.figures[name] for name in FIGURES)
    return [
        Text(f"{clean(each.service, 28)} in {clean(each.phase, 28)}"),
        Text(f"{each.load:.2f}x", "" if each.comparable else "yellow"),
        Text(_said(median.a.value)),
        Text(_said(median.b.value)),
        _times(median),
        _interval(median),
        _times(tail),
        _interval(tail),
    ]


def _said(seconds: float) -> str:
    return units.format_seconds(seconds).replace(" ", "")


def _times(found: Difference) -> Text:
    if found.ratio is None:
        return Text("-", "dim")
    return Text(f"{found.ratio:.2f}x", "red" if found.interval[0] > BOUND else "")


def _interval(found: Difference) -> Text:
    low, high = found.interval
    if low <= 0 and math.isinf(high):
        return Text("-", "dim")
    return Text(f"{low:.2f} to {high:.2f}" if math.isfinite(high) else f"{low:.2f} and more", "dim")
