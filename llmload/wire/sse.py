"""Server-sent events, read by the rules of the WHATWG HTML standard (section 9.2.6).

Theory of operation. Servers write one event at a time, so nearly every read holds exactly one or a few
whole ``data: ...`` events and the decoder is ``idle`` (at the edge between two events, nothing held) before
and after it. Such a read is recognised by its two ends and the count of line ends between, without
looking at single lines. Everything else goes through the line rules: what is complete is split into lines at
once, what is not waits in a buffer that only grows at its end and is never searched again, so an event
costs the same however many reads it comes in. Both ways give the same events.

``id:`` and ``retry:`` are about reconnecting, which a client that measures never does: passed over like any unknown
field.
"""

from __future__ import annotations

from typing import Final

from llmload.errors import DecodeError

__all__ = ["SSE_LIMIT", "SseDecoder"]

SSE_LIMIT: Final = 1 << 20
"""Longest line, and longest event, in bytes."""

_BOM: Final = b"\xef\xbb\xbf"
_HEAD: Final = b"data: "
_TAIL: Final = b"\n\n"
_FRAME: Final = len(_HEAD) + len(_TAIL)
_BETWEEN: Final = _TAIL + _HEAD
_LF: Final = 0x0A
_CR: Final = 0x0D


class SseDecoder:
    """Bytes of one event stream in, events out, whatever the reads are cut into.

    ``idle``: the next byte begins a new event and nothing is held back (False before the first read, which may
    begin with a byte order mark). ``comments`` counts comment lines. After a DecodeError it is of no more use.
    """

    __slots__ = ("_after_cr", "_data", "_limit", "_line", "_start", "_type", "comments", "idle")

    def __init__(self, limit: int = SSE_LIMIT) -> None:
        self.idle = False
        self.comments = 0
        self._limit = limit
        self._start: bytes | None = b""
        """What may be the beginning of a byte order mark; None once that is settled."""
        self._after_cr = False
        self._line = bytearray()
        self._data = bytearray()
        self._type = b""

    @property
    def pending(self) -> bool:
        """An event has begun and is not complete; should the stream end here, the standard drops it."""
        return bool(self._start or self._data or self._type or (self._line and not self._line.startswith(b":")))

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The events this read completes: (type, b"" for the default "message"; data).

        DecodeError: a line or the data of an event is longer than ``limit`` bytes.
        """
        if self.idle:
            inner = data.removeprefix(_HEAD).removesuffix(_TAIL)
            if len(inner) + _FRAME == len(data) <= self._limit and _CR not in inner:
                if _LF not in inner:
                    return [(b"", inner)]
                events = inner.split(_BETWEEN)
                if inner.count(b"\n") == 2 * (len(events) - 1):
                    return [(b"", event) for event in events]
        events_found = self._read(data)
        self.idle = self._start is None and not (self._line or self._data or self._type or self._after_cr)
        return events_found

    def _read(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The general way: cut into lines, keep the unfinished one."""
        if self._start is not None:
            data = self._without_bom(data)
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return []
        lines = data.splitlines()
        unfinished = b"" if data[-1] == _LF or data[-1] == _CR else lines.pop()
        self._after_cr = data[-1] == _CR
        if lines and self._line:
            lines[0] = bytes(self._line + lines[0])
            self._line.clear()
        events = self._process(lines)
        self._line += unfinished
        if len(self._line) > self._limit:
            raise self._too_long("line")
        return events

    def _without_bom(self, data: bytes) -> bytes:
        """``data`` with what was held of the stream's first bytes, less the mark; b"" while undecided."""
        start = (self._start or b"") + data
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BOM)

    def _process(self, lines: list[bytes]) -> list[tuple[bytes, bytes]]:
        events: list[tuple[bytes, bytes]] = []
        for line in lines:
            if not line:
                if self._data:
                    self._data.pop()
                    events.append((self._type, bytes(self._data)))
                    self._data.clear()
                self._type = b""
                continue
            if len(line) > self._limit:
                raise self._too_long("line")
            name, colon, value = line.partition(b":")
            if name == b"data":
                self._data += value.removeprefix(b" ")
                self._data += b"\n"
                if len(self._data) > self._limit + 1:
                    raise self._too_long("event")
            elif name == b"event":
                self._type = value.removeprefix(b" ")
            elif colon and not name:
                self.comments += 1
        return events

    def _too_long(self, what: str) -> DecodeError:
        self._line.clear()
        self._data.clear()
        return DecodeError(f"event stream: a {what} is longer than {self._limit} bytes")
