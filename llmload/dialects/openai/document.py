"""Answers that are one JSON document: whole chats and completions, embeddings, the list of models, rerank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmload.dialects.error_body import reported_error
from llmload.dialects.json_body import JsonBody
from llmload.dialects.kept import KeptText
from llmload.dialects.openai.fields import (
    Kind,
    choices_of,
    count_of,
    finish_reason,
    index_of,
    note_model,
    pieces,
    usage_of,
)
from llmload.dialects.vectors import hollow
from llmload.records import Answer, Api, Usage

__all__ = ["DocumentReader"]


class DocumentReader(JsonBody):
    """``answer.items`` counts what the document is made of: choices with content or a finish reason, vectors, models,
    documents in order."""

    __slots__ = ("_api",)

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(answer)
        self._api = api

    def _thin(self, body: bytes) -> bytes:
        return hollow(body, "embedding") if self._api is Api.EMBEDDINGS else body

    def _read(self, document: dict[str, Any], t: int) -> bool:
        answer = self._answer
        note_model(document, answer)
        answer.usage = usage_of(document, choices_of(document))
        answer.error = reported_error(document)
        return _READERS[self._api](document, answer)


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


def _read_ranks(document: dict[str, Any], answer: Answer) -> bool:
    entries = document.get("results")
    if not isinstance(entries, list):
        return False
    answer.items = sum(1 for entry in entries if isinstance(entry, dict) and "index" in entry)
    usage = document.get("usage")
    if answer.usage is None and (tokens := count_of(usage, "total_tokens")) is not None:
        answer.usage = Usage(input=tokens)
    return True


_READERS: Final[Mapping[Api, Callable[[dict[str, Any], Answer], bool]]] = {
    Api.CHAT: _read_choices,
    Api.COMPLETIONS: _read_choices,
    Api.EMBEDDINGS: _read_vectors,
    Api.MODELS: _read_models,
    Api.RERANK: _read_ranks,
}
"""Each reads a document into the answer; False when it isn't of that shape."""
