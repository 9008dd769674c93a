"""Documents full of vectors, made small enough to be parsed while other calls are timed.

A batch of embeddings is a megabyte of numbers that nobody looks at, and parsing it would hold the event loop (and so
the time stamps of every other call) for milliseconds. Flat vectors are cut out by byte search before the rest is
parsed; the price is that the numbers themselves are not checked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["hollow"]

_NOT_FLAT: Final = (b"[", b"{", b'"')


@lru_cache(maxsize=8)
def _beginning(field: str) -> re.Pattern[bytes]:
    """The beginning of a vector. Inside a string its second quote would stand after a backslash."""
    return re.compile(rb'"' + field.encode() + rb'"\s*:\s*\[')


def hollow(body: bytes, field: str) -> bytes:
    """``body`` with one number in each flat vector under ``field`` that has any; the same document otherwise.

    Linear whatever the body: ``[`` comes first of the marks, so no search runs past the beginning of the next vector.
    """
    vector = _beginning(field)
    kept: list[bytes] = []
    position = end = 0
    while begin := vector.search(body, position):
        start = begin.end()
        if end < start:
            end = body.find(b"]", start)
        if end < 0:
            break
        kept.append(body[position:start])
        position = start
        flat = all(body.find(mark, start, end) < 0 for mark in _NOT_FLAT)
        if flat and body[start:end].strip():
            kept.append(b"0")
            position = end
    kept.append(body[position:])
    return b"".join(kept)
