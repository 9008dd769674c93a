"""Phases in reports: each against the baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from llmload import units
from llmload.analysis.against import Against, against_baseline
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean

__all__ = ["PHASE_COLUMNS", "phase_figures", "phase_rows", "phase_section"]

_MOST_ROWS: Final = 30
PHASE_COLUMNS: Final = (
    Column("rate"), Column("latency"), Column("95 % interval", right=False), Column("failed"), Column("more", rank=1),
)  # fmt: skip
"""After the one that names the phase."""


def phase_figures(summary: Summary) -> dict[str, Any] | None:
    """As plain values in SI units; None without a baseline."""
    found = against_baseline(summary)
    if found is None:
        return None
    rows = [
        {
            "phase": row.phase, "rate": _tidy(row.rate), "latency": None if row.latency is None else _tidy(row.latency),
            "latency_interval": None if row.interval is None else [_tidy(end) for end in row.interval],
            "error_rate": _tidy(row.errors), "error_difference": _tidy(row.more),
        }
        for row in found[1]
    ]  # fmt: skip
    return {"baseline": found[0], "phases": rows}


def _tidy(value: float) -> float:
    return float(f"{value:.9g}")


def phase_rows(summary: Summary) -> tuple[str, list[list[Text]], int] | None:
    """The title of the table, a row for each phase after the baseline, and how many have no room; None without one."""
    found = against_baseline(summary)
    if found is None:
        return None
    return f"Against {clean(found[0], 28)}", [_row(row) for row in found[1][:_MOST_ROWS]], len(found[1]) - _MOST_ROWS


def phase_section(summary: Summary, width: int) -> Iterator[Text]:
    """The table for a terminal; nothing without a baseline."""
    found = phase_rows(summary)
    if found is None:
        return
    title, rows, left = found
    yield from grid((Column(title, right=False), *PHASE_COLUMNS), rows, width)
    if left > 0:
        yield Text(f"and {left:,} more phases", "dim")


def _row(row: Against) -> list[Text]:
    interval = "-" if row.interval is None else f"{row.interval[0]:.2f}x to {row.interval[1]:.2f}x"
    slower = row.interval is not None and row.interval[0] > 1
    return [
        Text(clean(row.phase, 28) or "(none)"),
        Text(units.format_rate(row.rate)),
        Text("-" if row.latency is None else f"{row.latency:.2f}x", "yellow" if slower else ""),
        Text(interval, "dim"),
        Text(units.format_share(row.errors), "red" if row.errors else ""),
        Text(f"{100 * row.more:+.2f} points"),
    ]
