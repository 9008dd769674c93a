"""Comma-separated values (RFC 4180, but for lines that end in a newline alone)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from llmload.safe import clean

__all__ = ["Cell", "csv_lines"]

Cell = str | int | float | None

_FORMULA: Final = ("=", "+", "-", "@")
"""What makes a spreadsheet take a text for a formula, and carry it out."""


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A header and rows. Numbers have a decimal point and nothing between digits; None is an empty cell; a text that
    a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = clean(value)
        return f"'{text}" if text.startswith(_FORMULA) else text
    return f"{value:.9g}" if isinstance(value, float) else str(value)
