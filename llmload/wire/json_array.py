"""A JSON array that grows while it is read: each entry as soon as it is complete.

Only the edges of entries are looked for; whether an entry is JSON is for its reader to find out. What is complete is
handed on at once, what is not waits in a buffer whose every byte is looked at once.
"""

from __future__ import annotations

import re
from typing import Final

from llmload.errors import DecodeError

__all__ = ["ENTRY_LIMIT", "JsonArrayDecoder"]

ENTRY_LIMIT: Final = 1 << 20
"""Longest entry, in bytes."""

_MARK: Final = re.compile(rb'\\.|["{}\[\],]', re.DOTALL)
_OPEN: Final = frozenset(b"{[")
_QUOTE: Final = ord('"')
_COMMA: Final = ord(",")
_BACKSLASH: Final = ord("\\")


class JsonArrayDecoder:
    """Bytes of one array in, its entries out, whatever the reads are cut into.

    An entry that is neither object nor array is given when the comma after it is read. ``done``: the array has ended;
    what comes after it is passed over. After a DecodeError it is of no more use.
    """

    __slots__ = ("_at", "_buffer", "_depth", "_in_string", "_limit", "done")

    def __init__(self, limit: int = ENTRY_LIMIT) -> None:
        self.done = False
        self._limit = limit
        self._buffer = bytearray()
        """From the beginning of the entry that is not complete."""
        self._at = 0
        """How much of it has been looked at."""
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        """The entries this read completes. DecodeError: no array, or an entry longer than ``limit`` bytes."""
        self._buffer += data
        entries: list[bytes] = []
        begin = 0
        position = self._at
        for mark in _MARK.finditer(self._buffer, self._at):
            if self.done:
                break
            position = mark.end()
            before = self._depth
            self._step(self._buffer[mark.start()])
            if self._ends_entry(before, self._buffer[mark.start()]):
                end = position if before > 1 else mark.start()
                entries += filter(None, (bytes(self._buffer[begin:end]).strip(),))
                begin = position
            elif before == 0:
                begin = position
        self._forget(begin, position)
        return entries

    def _step(self, mark: int) -> None:
        """Take one mark: where it leaves us."""
        if self._in_string or mark == _QUOTE:
            self._in_string ^= mark == _QUOTE
        elif mark in _OPEN:
            self._depth += 1
        elif mark not in (_COMMA, _BACKSLASH):
            self._depth -= 1
            self.done = self._depth <= 0

    def _ends_entry(self, before: int, mark: int) -> bool:
        """Whether an entry ends at a mark: one in brackets with its last, any other with what follows it."""
        if self._in_string or mark == _QUOTE:
            return False
        return (before == 2 and self._depth == 1) or (before == 1 and (mark == _COMMA or self.done))

    def _forget(self, begin: int, position: int) -> None:
        """Keep what is not complete. A backslash at the very end is looked at again with what it stands before."""
        if self.done:
            self._buffer.clear()
            self._at = 0
            return
        size = len(self._buffer)
        dangling = position < size and self._buffer[-1] == _BACKSLASH
        self._at = size - dangling - begin
        del self._buffer[:begin]
        if len(self._buffer) > self._limit:
            self._buffer.clear()
            raise DecodeError(f"JSON array: an entry is longer than {self._limit} bytes")
