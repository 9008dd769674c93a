"""Compressed bodies, taken apart in small steps so that a bomb never goes off.

llmload asks for none (``Accept-Encoding: identity``), yet some gateways compress all the same. aiohttp would decode
a whole read at once, megabytes into gigabytes, before anybody could object; so it is told not to, and the body is
decoded here, a step at a time, between transport and Sink.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from llmload.errors import DecodeError
from llmload.transport.base import CallFailed, Dial, Exchange, Sink

__all__ = ["RATIO_FREE", "RATIO_LIMIT", "inflating"]

RATIO_LIMIT: Final = 100
"""A body may grow this many times. Repetitive JSON grows 20-fold; deflate can't do more than 1032-fold."""
RATIO_FREE: Final = 1 << 20
"""Bytes of a body that may grow as they like."""
_STEP: Final = 128 * 1024
"""Most bytes decoded between two looks at the bounds."""
_MEMBERS: Final = 64
"""Most streams that may follow each other in one body (RFC 1952 lets gzip files be joined)."""

_WINDOWS: Final[Mapping[str, int]] = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}
"""Content coding (RFC 9110, 8.4.1) -> what zlib calls it."""


def inflating(sink: Sink, status: int, headers: Mapping[str, str]) -> Sink:
    """``sink`` itself; for a compressed answer, one that decodes the body before it hands it to ``sink``.

    To be asked once the head is known. Its ``body`` and ``ended`` raise DecodeError for a body that grows too much,
    breaks its format, stops short, or is in a coding we don't read (of an error's body that is just left out).
    """
    coding = headers.get("content-encoding", "").strip().lower()
    return sink if coding in ("", "identity") else _Inflating(sink, status, coding)


class _Inflating:
    """A Sink in front of another."""

    __slots__ = ("_inflater", "_sink")

    def __init__(self, sink: Sink, status: int, coding: str) -> None:
        self._sink = sink
        self._inflater: _Inflater | None = None
        if coding in _WINDOWS:
            self._inflater = _Inflater(coding)
        elif 200 <= status < 300:
            raise DecodeError(f"the body is compressed ({coding[:40]!r}), which nobody asked for")

    def begun(self, exchange: Exchange) -> None:
        self._sink.begun(exchange)

    def opened(self, t: int, dial: Dial | None) -> None:
        self._sink.opened(t, dial)

    def sent(self, t: int, size: int) -> None:
        self._sink.sent(t, size)

    def traced(self, trace: str) -> None:
        self._sink.traced(trace)

    def uploaded(self, t: int) -> None:
        self._sink.uploaded(t)

    def head(self, t: int, status: int, headers: Mapping[str, str]) -> None:
        self._sink.head(t, status, headers)

    def body(self, t: int, data: bytes) -> None:
        if self._inflater is not None:
            for piece in self._inflater.feed(data):
                self._sink.body(t, piece)

    def template(self) -> None:
        """Compressed bytes are like no others."""

    def skipped(self, events: int, size: int) -> None:
        self._sink.skipped(events, size)

    def dialogue(self) -> None:
        """See Sink; what is compressed is no socket."""

    def ended(self, t: int) -> None:
        if self._inflater is not None:
            self._inflater.close()
        self._sink.ended(t)

    def over(self, failed: CallFailed | None) -> None:
        self._sink.over(failed)


class _Inflater:
    """Compressed bytes in, pieces of at most ``_STEP`` out."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._window = _WINDOWS[coding]
        self._stream: zlib._Decompress | None = None
        self._members = 0
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces that ``data`` completes, decoded as they are asked for."""
        self._taken += len(data)
        while data:
            stream = self._stream = self._stream or self._begin(data)
            try:
                piece = stream.decompress(data, _STEP)
                data = stream.unconsumed_tail
                while piece or data:
                    self._count(piece)
                    if piece:
                        yield piece
                    piece = stream.decompress(data, _STEP)
                    data = stream.unconsumed_tail
            except zlib.error as error:
                raise DecodeError(f"the body is not the {self._coding} it says it is: {error}") from None
            if stream.eof:
                data = stream.unused_data
                self._stream = None

    def close(self) -> None:
        """The body is over; DecodeError if the compressed stream is not."""
        if self._stream is not None:
            raise DecodeError(f"the body ends inside its {self._coding} stream")

    def _begin(self, data: bytes) -> zlib._Decompress:
        self._members += 1
        if self._members > _MEMBERS:
            raise DecodeError(f"the body is made of more than {_MEMBERS} {self._coding} streams")
        # Some servers send "deflate" without the zlib header around it; its first byte tells.
        raw = self._coding == "deflate" and data[0] & 0x0F != zlib.DEFLATED
        return zlib.decompressobj(-zlib.MAX_WBITS if raw else self._window)

    def _count(self, piece: bytes) -> None:
        self._given += len(piece)
        if self._given > max(RATIO_FREE, RATIO_LIMIT * self._taken):
            raise DecodeError(f"the body is a decompression bomb: it grows more than {RATIO_LIMIT} times")
