"""Cutting a file into rows: lines, CSV records that may span lines, and the objects of one JSON list.

Each cutter begins where the file stands, which must be the beginning of a row, and gives (offset, line, bytes) of each
row, empty ones left out. It holds one row at a time, and none of more than ``MOST`` bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple

__all__ = ["CUTTERS", "MOST", "Cut", "RowError"]

MOST: Final = 64 * 2**20
"""Bytes of the longest row that is read."""
_READ: Final = 2**20
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(")?|[{}\[\]]', re.DOTALL)
"""What the nesting of JSON depends on; the group is None for a string that isn't at its end."""


class Cut(NamedTuple):
    """One row: where it begins (bytes), in which line (from 1), and what it says."""

    offset: int
    line: int
    row: bytes


class RowError(ValueError):
    """A row that can't be read; ``line`` is where."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def _lines(file: BinaryIO, line: int) -> Iterator[Cut]:
    offset = file.tell()
    while row := file.readline(MOST + 1):
        _bounded(len(row), line)
        if not row.isspace():
            yield Cut(offset, line, row)
        offset += len(row)
        line += 1


def _records(file: BinaryIO, line: int) -> Iterator[Cut]:
    """Lines, put together while a quoted field is open: an even number of quotes closes it."""
    offset, first, held = file.tell(), line, b""
    while row := file.readline(MOST + 1):
        held += row
        _bounded(len(held), first)
        line += 1
        if held.count(b'"') % 2:
            continue
        if not held.isspace():
            yield Cut(offset, first, held)
        offset, first, held = offset + len(held), line, b""
    if held:
        raise RowError(first, "has a quoted field without an end")


def _objects(file: BinaryIO, line: int) -> Iterator[Cut]:
    """The objects of a list; between them stands whatever JSON allows there."""
    base, held = file.tell(), b""
    while True:
        consumed, counted, over = 0, 0, False
        for start, end in _whole(held):
            over = start == end
            line += held.count(b"\n", counted, start)
            counted = consumed = end
            if not over:
                yield Cut(base + start, line, held[start:end])
                line += held.count(b"\n", start, end)
        if over:
            return
        base, held = base + consumed, held[consumed:]
        _bounded(len(held), line)
        more = file.read(max(_READ, len(held)))
        if not more:
            raise RowError(line + held.count(b"\n"), "the file ends within its list")
        held += more


def _whole(held: bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of each whole object; the end of the list as an empty one."""
    depth = start = 0
    for token in _TOKEN.finditer(held):
        sign = token[0]
        if sign[:1] == b'"':
            if token[1] is None:
                return
        elif sign in b"{[":
            if not depth:
                if sign == b"[":
                    continue
                start = token.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                yield start, token.end()
        else:
            yield token.start(), token.start()
            return


def _bounded(size: int, line: int) -> None:
    if size > MOST:
        raise RowError(line, f"is a row of more than {MOST // 2**20} MiB")


CUTTERS: Final[Mapping[str, Callable[[BinaryIO, int], Iterator[Cut]]]] = {
    "lines": _lines,
    "records": _records,
    "objects": _objects,
}
