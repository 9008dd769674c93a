"""The head of an HTTP/1.1 answer, where it is of the plain kind nearly all are.

Anything unusual (an interim answer, a body without a stated length, a coding, a repeated or folded field, bytes that
don't belong) is not read here but left to a full parser, which knows all the rules and their exceptions.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Head", "read_head"]

_END: Final = b"\r\n\r\n"
_MOST: Final = 16 * 1024
"""Longest head read here, in bytes."""
_FIELDS_MOST: Final = 64
_SHAPE: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?\r\n"
    rb"(?:[!#-'*+\-.0-9A-Z^-z|~]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n"
)
"""RFC 9112, sections 4 and 5, without obsolete line folding."""
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_NO_BODY: Final = frozenset({204, 205, 304})


class Head(NamedTuple):
    """``headers``: names in lower case. ``length``: of the body in bytes, -1 where it is chunked. ``size``: of the head
    itself. ``closes``: the connection is not to be used again."""

    status: int
    headers: dict[str, str]
    length: int
    size: int
    closes: bool


def read_head(data: bytes) -> Head | None:
    """The head that ``data`` begins with; None where it is not whole or not plain."""
    size = data.find(_END, 0, _MOST) + len(_END)
    match = _SHAPE.fullmatch(data, 0, size) if size >= len(_END) else None
    if match is None:
        return None
    lines = data[: size - len(_END)].decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    status = int(match[1])
    length = _body_length(headers)
    repeated = len(headers) != len(lines) - 1
    if length is None or repeated or status in _NO_BODY or len(headers) > _FIELDS_MOST:
        return None
    connection = headers.get("connection", "keep-alive").lower()
    if connection not in ("keep-alive", "close") or "upgrade" in headers or "content-encoding" in headers:
        return None
    return Head(status, headers, length, size, connection == "close")


def _body_length(headers: dict[str, str]) -> int | None:
    """-1: chunked; None: neither chunked nor of a stated length, or both."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        return -1 if length is None and coding.lower() == "chunked" else None
    return int(length) if length is not None and _LENGTH.fullmatch(length) else None
