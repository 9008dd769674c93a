"""HTTP/1.1 chunked transfer coding (RFC 9112, section 7.1), up to the last chunk.

The last chunk and the trailers after it are left to the HTTP parser this decoder stands in for: it must see
the end of the message to release the connection.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from llmload.errors import DecodeError

__all__ = ["ChunkedDecoder"]

_LINE_LIMIT: Final = 1024
"""Longest chunk-size line with its extensions, in bytes."""
_REST_LIMIT: Final = 64 * 1024
"""Most bytes taken from the last chunk on."""
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_END: Final = b"\r\n"


@lru_cache(maxsize=256)
def _size(line: bytes) -> int:
    """The size that a chunk-size line (with its CRLF) states. Sizes repeat, so most are looked up."""
    match = _SIZE_LINE.fullmatch(line)
    if match is None:
        raise DecodeError(f"chunked body: not a chunk size: {line[:40]!r}")
    return int(match[1], 16)


class ChunkedDecoder:
    """Bytes of a chunked body in, payload out, whatever the reads are cut into.

    ``idle``: the next byte begins a size line, and none of it is held.
    ``done``: the zero-size chunk has been seen; ``rest`` then holds every byte from the beginning of its
    size line on. After a DecodeError it is of no more use.
    """

    __slots__ = ("_left", "_line", "_owed", "done", "idle", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self.idle = True
        self._left = 0
        """Payload bytes of the current chunk still to come."""
        self._owed = b""
        """What is still to come of the line end after the payload."""
        self._line = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The payload in this read, none of it empty. A chunk need not be complete to be handed on.

        DecodeError: bad framing, a size line over 1 KiB, more than 64 KiB from the last chunk on.
        """
        if self.idle:
            start = data.find(_END, 0, _LINE_LIMIT) + 2
            if start > 1:
                size = _size(data[:start])
                if size and start + size + 2 == len(data) and data.endswith(_END):
                    return [data[start:-2]]
        pieces = self._read(data)
        self.idle = not (self._left or self._owed or self._line or self.done)
        return pieces

    def _read(self, data: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        position = 0
        while position < len(data) and not self.done:
            if self._left:
                piece = data[position : position + self._left]
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
            elif self._owed:
                got = data[position : position + len(self._owed)]
                if not self._owed.startswith(got):
                    raise DecodeError(f"chunked body: {got!r} where a chunk should end")
                position += len(got)
                self._owed = self._owed[len(got) :]
            else:
                position = self._size_line(data, position)
        if self.done:
            self._after(data[position:])
        return pieces

    def _size_line(self, data: bytes, position: int) -> int:
        """Read a size line, or as much of it as there is; where to go on."""
        end = data.find(b"\n", position, position + _LINE_LIMIT) + 1
        self._line += data[position : end or position + _LINE_LIMIT]
        if len(self._line) + (not end) > _LINE_LIMIT:
            raise DecodeError(f"chunked body: a chunk-size line is longer than {_LINE_LIMIT} bytes")
        if not end:
            return len(data)
        line, self._line = self._line, b""
        self._left = _size(line)
        if self._left:
            self._owed = _END
        else:
            self.done = True
            self.rest = line
        return end

    def _after(self, data: bytes) -> None:
        self.rest += data
        if len(self.rest) > _REST_LIMIT:
            raise DecodeError(f"chunked body: more than {_REST_LIMIT} bytes from the last chunk on")
