"""Lines of JSON: bytes in, complete lines out."""

from __future__ import annotations

from typing import Final

from llmload.errors import DecodeError

__all__ = ["LINE_LIMIT", "NdjsonDecoder"]

LINE_LIMIT: Final = 1 << 20
"""Longest line, in bytes."""


class NdjsonDecoder:
    """Bytes in, lines out, whatever the reads are cut into; blank lines are passed over. After a DecodeError it is of
    no more use."""

    __slots__ = ("_limit", "_pieces", "_size")

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines this read completes, without their ends. DecodeError: one is longer than ``limit`` bytes."""
        *whole, rest = data.split(b"\n")
        lines: list[bytes] = []
        for part in whole:
            self._keep(part)
            lines += self.rest()
        self._keep(rest)
        return lines

    def rest(self) -> list[bytes]:
        """What stands after the last line end, if that is not blank: a last line may lack its end."""
        line = b"".join(self._pieces).strip()
        self._pieces, self._size = [], 0
        return [line] if line else []

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise DecodeError(f"a line is longer than {self._limit} bytes")
        if part:
            self._pieces.append(part)
