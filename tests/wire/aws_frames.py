"""Frames of an AWS event stream, written as the specification says it."""

from __future__ import annotations

import json
import struct
import zlib


def frame(payload: bytes, headers: dict[str, str] | None = None, raw: bytes = b"") -> bytes:
    """One frame with string headers, and further ones given as bytes."""
    packed = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in (headers or {}).items()
    )
    packed += raw
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, document: object) -> bytes:
    """An event of Converse."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(json.dumps(document).encode(), headers)


def trouble(kind: str, message: str) -> bytes:
    """An exception in the stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(json.dumps({"message": message}).encode(), headers)
