"""WebSocket frames (RFC 6455): bytes in, whole messages out; and frames as a client writes them. No extensions."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmload.errors import DecodeError

__all__ = [
    "CLOSE",
    "MESSAGE_LIMIT",
    "PING",
    "PONG",
    "TEXT",
    "FrameDecoder",
    "Message",
    "close_frame",
    "frame",
    "why_closed",
]

TEXT: Final = 1
_BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
MESSAGE_LIMIT: Final = 16 << 20
"""Longest message taken, in bytes."""
_CONTROL_LIMIT: Final = 125
_KNOWN: Final = frozenset({0, TEXT, _BINARY, CLOSE, PING, PONG})


class Message(NamedTuple):
    """A whole message, or a control frame."""

    opcode: int
    data: bytes


class FrameDecoder:
    """Collects the frames of one connection, as a server sends them (unmasked)."""

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._parts = bytearray()
        self._opcode = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages completed by this read. DecodeError: it is no frame, or one that is too long."""
        if not self._bytes and not self._opcode and (message := self._alone(data)) is not None:
            return [message]
        self._bytes += data
        found: list[Message] = []
        at = 0
        while (end := self._one(at, found)) > at:
            at = end
        del self._bytes[:at]
        return found

    def _alone(self, data: bytes) -> Message | None:
        """The text message that a read is, as most are: one frame and nothing else. None if it may be anything else."""
        size = len(data)
        if size < 4 or data[0] != 0x80 | TEXT or data[1] > 126:
            return None
        start, length = (4, data[2] << 8 | data[3]) if data[1] == 126 else (2, data[1])
        return Message(TEXT, data[start:]) if start + length == size <= self._limit else None

    def _one(self, at: int, found: list[Message]) -> int:
        """Where the frame at ``at`` ends; ``at`` itself if it is not whole."""
        held = self._bytes
        if len(held) < at + 2:
            return at
        first, second = held[at], held[at + 1]
        opcode = first & 15
        if first & 0x70 or second & 0x80 or opcode not in _KNOWN:
            raise DecodeError("not a WebSocket frame of a server (RFC 6455, 5.2)")
        length, start = second & 127, at + 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(held) < start + size:
                return at
            length, start = int.from_bytes(held[start : start + size], "big"), start + size
        if opcode >= CLOSE and (length > _CONTROL_LIMIT or not first & 0x80):
            raise DecodeError("a control frame that is too long or in parts")
        if length + len(self._parts) > self._limit:
            raise DecodeError(f"a message longer than {self._limit} bytes")
        if len(held) < start + length:
            return at
        self._take(opcode, bool(first & 0x80), bytes(held[start : start + length]), found)
        return start + length

    def _take(self, opcode: int, last: bool, payload: bytes, found: list[Message]) -> None:
        if opcode >= CLOSE:
            found.append(Message(opcode, payload))
            return
        if bool(opcode) is bool(self._opcode):
            raise DecodeError("parts of a message out of order")
        self._opcode = self._opcode or opcode
        self._parts += payload
        if last:
            found.append(Message(self._opcode, bytes(self._parts)))
            self._opcode = 0
            self._parts.clear()


def frame(opcode: int, data: bytes, mask: bytes) -> bytes:
    """A whole message in one frame, masked with these four bytes as a client must."""
    length = len(data)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 1 << 16:
        head = bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + length.to_bytes(8, "big")
    stretched = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(data, "big") ^ int.from_bytes(stretched, "big")
    return head + mask + masked.to_bytes(length, "big")


def close_frame(code: int, mask: bytes) -> bytes:
    """The end of a connection."""
    return frame(CLOSE, code.to_bytes(2, "big"), mask)


def why_closed(payload: bytes) -> str:
    """The code and reason of a close frame, as the server words them."""
    if len(payload) < 2:
        return "without a code"
    reason = payload[2:].decode("utf-8", "replace")
    return f"with code {int.from_bytes(payload[:2], 'big')}" + (f" ({reason})" if reason else "")
