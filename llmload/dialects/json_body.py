"""Answers that are one JSON document."""

from __future__ import annotations

from typing import Any, Final

import orjson

from llmload.errors import DecodeError
from llmload.records import Answer

__all__ = ["DOCUMENT_LIMIT", "JsonBody"]

DOCUMENT_LIMIT: Final = 1 << 30
"""Largest document read, in bytes, whatever larger bound a run has of its own."""


class JsonBody:
    """Collects the body and reads it when it is whole. Leaves no stamps: there are no chunks to time."""

    __slots__ = ("_answer", "_body")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._body = bytearray()

    def feed(self, data: bytes, t: int) -> None:
        """Keep the bytes of one read. DecodeError: the body is too long."""
        self._body += data
        if len(self._body) > DOCUMENT_LIMIT:
            self._body.clear()
            raise DecodeError(f"the body is longer than {DOCUMENT_LIMIT} bytes")

    def template(self) -> None:
        """See Reader: a document has none."""

    def close(self, t: int) -> None:
        """Read the document. One that is no JSON object, or not of the shape it should have, is malformed."""
        answer = self._answer
        answer.ended = True
        if not self._body or self._body.isspace():
            return
        try:
            document = orjson.loads(self._thin(bytes(self._body)))
        except orjson.JSONDecodeError:
            document = None
        self._body.clear()
        if not isinstance(document, dict) or not (self._read(document, t) or answer.error is not None):
            answer.malformed += 1

    def _thin(self, body: bytes) -> bytes:
        """The same document without what nobody looks at."""
        return body

    def _read(self, document: dict[str, Any], t: int) -> bool:
        """Read it into the answer, the error it may report too; False when it isn't of the right shape."""
        raise NotImplementedError
