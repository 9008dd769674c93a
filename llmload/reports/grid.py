"""Tables of text that fit: columns that matter least are left out until the rest has room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.text import Text

__all__ = ["Column", "grid"]

_GAP: Final = 2
_TIGHT: Final = 1
_SPARE: Final = 5
"""Columns of this rank and above go before the gaps do."""


@dataclass(frozen=True, slots=True)
class Column:
    """``rank``: 0 is never left out; of the others the highest goes first. ``least``: may be cut down to this
    width where there isn't room enough; 0 is never cut."""

    title: str
    right: bool = True
    rank: int = 0
    least: int = 0


Row = Sequence[Text] | Text
"""Cells, or a heading for the rows below it."""


def grid(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Iterator[Text]:
    """The table's lines, at most ``width`` wide unless the columns that must stay need more."""
    full = [row for row in rows if not isinstance(row, Text)]
    natural = [max([cell_len(column.title), *(row[n].cell_len for row in full)]) for n, column in enumerate(columns)]
    gap, widths = _layout(columns, natural, width)
    if any(column.title for column in columns):
        yield _line(columns, [Text(column.title, "bold") for column in columns], widths, gap)
    for row in rows:
        if isinstance(row, Text):
            row.truncate(width, overflow="ellipsis")
            yield row
        else:
            yield _line(columns, row, widths, gap)


def _layout(columns: Sequence[Column], natural: Sequence[int], width: int) -> tuple[int, dict[int, int]]:
    """The gap between columns, and the columns that are kept (by number) with their widths."""
    widths = {n: min(natural[n], column.least or natural[n]) for n, column in enumerate(columns)}
    _leave_out(widths, columns, width, _GAP, _SPARE)
    gap = _GAP if _total(widths, _GAP) <= width else _TIGHT
    _leave_out(widths, columns, width, gap, 1)
    gap = _GAP if _total(widths, _GAP) <= width else _TIGHT
    for n in widths:
        widths[n] = min(natural[n], widths[n] + max(0, width - _total(widths, gap)))
    return gap, widths


def _leave_out(widths: dict[int, int], columns: Sequence[Column], width: int, gap: int, rank: int) -> None:
    """Drop columns of at least ``rank``, the highest first, until the rest fits."""
    while _total(widths, gap) > width:
        last = max(widths, key=lambda n: columns[n].rank)
        if columns[last].rank < rank:
            return
        del widths[last]


def _total(widths: dict[int, int], gap: int) -> int:
    return sum(widths.values()) + gap * (len(widths) - 1)


def _line(columns: Sequence[Column], cells: Sequence[Text], widths: dict[int, int], gap: int) -> Text:
    line = Text()
    for place, (n, width) in enumerate(widths.items()):
        cell = cells[n].copy()
        cell.truncate(width, overflow="ellipsis")
        line.append(" " * gap if place else "")
        spare = " " * (width - cell.cell_len)
        line.append_text(Text.assemble(spare, cell) if columns[n].right else Text.assemble(cell, spare))
    return line
