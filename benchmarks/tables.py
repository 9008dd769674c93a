"""What a benchmark has to say: a table, as Markdown for people and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Row", "Table"]

Row = Sequence[str | float | None]


@dataclass(frozen=True, slots=True)
class Table:
    """``name`` is its place in docs/performance.md; cells are text or numbers, None where there is no figure."""

    name: str
    heads: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """As a Markdown table, the notes under it."""
        lines = [_line(self.heads), _line(["---"] * len(self.heads))]
        lines += [_line([_text(cell) for cell in row]) for row in self.rows]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])

    def as_json(self) -> dict[str, Any]:
        """Plain values, a row as a mapping from head to cell."""
        rows = [dict(zip(self.heads, row, strict=True)) for row in self.rows]
        return {"name": self.name, "rows": rows, "notes": list(self.notes)}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: str | float | None) -> str:
    """Numbers to about three digits: more would be noise."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if abs(cell) >= 100 or float(cell).is_integer():
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
