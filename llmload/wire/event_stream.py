"""Frames of ``application/vnd.amazon.eventstream``: bytes in, frames out, both checksums verified.

A frame is, in network order: total length, length of the headers (4 bytes each), CRC-32 of these eight bytes, headers,
payload, CRC-32 of all before it. A header is its name, a type and a value; those that are strings are kept.
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from llmload.errors import DecodeError

__all__ = ["FRAME_LIMIT", "EventStreamDecoder", "Frame"]

FRAME_LIMIT: Final = 1 << 20
"""Longest frame, in bytes."""

_PRELUDE: Final = struct.Struct(">III")
_CRC: Final = struct.Struct(">I")
_LEAST: Final = _PRELUDE.size + _CRC.size
_BYTES: Final = 6
_STRING: Final = 7
_SIZES: Final[Mapping[int, int]] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Type of a header -> bytes its value takes, where that is always the same."""


class Frame(NamedTuple):
    """One frame; ``headers``: name -> value of those that are strings."""

    headers: dict[bytes, bytes]
    payload: bytes


class EventStreamDecoder:
    """Bytes of one stream in, frames out, whatever the reads are cut into.

    A frame is never looked at again while it is incomplete, but for its first twelve bytes. After a DecodeError it is
    of no more use.
    """

    __slots__ = ("_held", "_limit")

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._held = bytearray()
        self._limit = limit

    @property
    def pending(self) -> bool:
        """A frame has begun and is not complete."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames this read completes. DecodeError: a checksum, a length or a header is wrong."""
        held = self._held
        held += data
        frames: list[Frame] = []
        at = 0
        while len(held) - at >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(held, at)
            if zlib.crc32(held[at : at + 8]) != checksum:
                raise DecodeError("the checksum of a frame's beginning is wrong")
            if total > self._limit:
                raise DecodeError(f"a frame of {total} bytes is longer than {self._limit}")
            if total < _LEAST + headers:
                raise DecodeError("a frame is shorter than its headers")
            if len(held) - at < total:
                break
            frames.append(_frame(bytes(held[at : at + total]), headers))
            at += total
        del held[:at]
        return frames


def _frame(data: bytes, headers: int) -> Frame:
    body = len(data) - _CRC.size
    if zlib.crc32(data[:body]) != _CRC.unpack_from(data, body)[0]:
        raise DecodeError("the checksum of a frame is wrong")
    end = _PRELUDE.size + headers
    return Frame(_headers(data, _PRELUDE.size, end), data[end:body])


def _headers(data: bytes, at: int, end: int) -> dict[bytes, bytes]:
    """The headers between ``at`` and ``end``; behind ``end`` there are four bytes at least."""
    found: dict[bytes, bytes] = {}
    while at < end:
        begin = at + 1
        value = begin + data[at] + 1
        if value > end:
            raise DecodeError("a header is longer than its frame")
        kind = data[value - 1]
        if kind in (_BYTES, _STRING):
            size = int.from_bytes(data[value : value + 2])
            value += 2
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise DecodeError(f"a header has the type {kind}, which there is not")
        at = value + size
        if at > end:
            raise DecodeError("a header is longer than its frame")
        if kind == _STRING:
            found[data[begin : begin + data[begin - 1]]] = data[value:at]
    return found
