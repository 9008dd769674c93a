"""Answers that are one JSON document: chat and completions without streaming, embeddings, the list of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from llmload.dialects.error_body import reported_error
from llmload.dialects.kept import KeptText
from llmload.dialects.openai.fields import Kind, choices_of, finish_reason, index_of, note_model, pieces, usage_of
from llmload.dialects.vectors import hollow
from llmload.errors import DecodeError
from llmload.records import Answer, Api

__all__ = ["DOCUMENT_LIMIT", "DocumentReader"]

DOCUMENT_LIMIT: Final = 1 << 30
"""Largest document read, in bytes, whatever larger bound a run has of its own."""


class DocumentReader:
    """Collects the body and reads it when it is whole. Leaves no stamps: there are no chunks to time.

    ``answer.items`` counts what the document is made of: choices with content or a finish reason, vectors, models.
    """

    __slots__ = ("_answer", "_api", "_body")

    def __init__(self, api: Api, answer: Answer) -> None:
        self._api = api
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
        """Read the document."""
        answer = self._answer
        answer.ended = True
        if not self._body or self._body.isspace():
            return
        try:
            document = orjson.loads(
                hollow(bytes(self._body), "embedding") if self._api is Api.EMBEDDINGS else self._body
            )
        except orjson.JSONDecodeError:
            document = None
        self._body.clear()
        if not isinstance(document, dict):
            answer.malformed += 1
            return
        note_model(document, answer)
        answer.usage = usage_of(document, choices_of(document))
        answer.error = reported_error(document)
        if not _READERS[self._api](document, answer) and answer.error is None:
            answer.malformed += 1


def _read_choices(document: dict[str, Any], answer: Answer) -> bool:
    kept = KeptText.of(answer)
    calls: set[tuple[int, int]] = set()
    for choice in choices_of(document):
        found = pieces(choice)
        reason = finish_reason(choice)
        answer.items += bool(found or reason)
        answer.choices_finished += reason is not None
        answer.finish = reason or answer.finish
        calls.update((index_of(choice), piece.call) for piece in found if piece.kind is Kind.TOOL_CALL)
        for piece in found:
            if kept is not None and piece.kind is Kind.TEXT:
                kept.add(piece.text)
    answer.tool_calls = len(calls)
    return isinstance(document.get("choices"), list)


def _read_vectors(document: dict[str, Any], answer: Answer) -> bool:
    entries = document.get("data")
    if not isinstance(entries, list):
        return False
    answer.items = sum(1 for entry in entries if isinstance(entry, dict) and entry.get("embedding"))
    return True


def _read_models(document: dict[str, Any], answer: Answer) -> bool:
    entries = document.get("data")
    if not isinstance(entries, list):
        return False
    answer.items = len(entries)
    return True


_READERS: Final[Mapping[Api, Callable[[dict[str, Any], Answer], bool]]] = {
    Api.CHAT: _read_choices,
    Api.COMPLETIONS: _read_choices,
    Api.EMBEDDINGS: _read_vectors,
    Api.MODELS: _read_models,
}
"""Each reads a document into the answer; False when it isn't of that shape."""
