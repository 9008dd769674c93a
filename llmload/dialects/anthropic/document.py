"""Answers that are one JSON document: whole messages, the list of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmload.dialects.anthropic.fields import block_pieces, counts_of, stop_reason, usage_of
from llmload.dialects.error_body import reported_error
from llmload.dialects.json_body import JsonBody
from llmload.dialects.kept import KeptText
from llmload.dialects.openai.fields import note_model
from llmload.dialects.pieces import Kind
from llmload.records import Answer, Api

__all__ = ["DocumentReader"]


class DocumentReader(JsonBody):
    """``answer.items`` counts what the document is made of: blocks of content, models."""

    __slots__ = ("_api",)

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(answer)
        self._api = api

    def _read(self, document: dict[str, Any], t: int) -> bool:
        self._answer.error = reported_error(document)
        return _READERS[self._api](document, self._answer)


def _read_message(document: dict[str, Any], answer: Answer) -> bool:
    note_model(document, answer)
    answer.usage = usage_of(counts_of(document.get("usage")))
    answer.finish = stop_reason(document)
    answer.choices_finished = int(answer.finish is not None)
    blocks = document.get("content")
    if not isinstance(blocks, list):
        return False
    kept = KeptText.of(answer)
    for index, block in enumerate(blocks):
        found = block_pieces(block, index)
        answer.items += bool(found)
        answer.tool_calls += any(piece.kind is Kind.TOOL_CALL for piece in found)
        for piece in found:
            if kept is not None and piece.kind is Kind.TEXT:
                kept.add(piece.text)
    return True


def _read_models(document: dict[str, Any], answer: Answer) -> bool:
    entries = document.get("data")
    answer.items = len(entries) if isinstance(entries, list) else 0
    return isinstance(entries, list)


_READERS: Final[Mapping[Api, Callable[[dict[str, Any], Answer], bool]]] = {
    Api.CHAT: _read_message,
    Api.MODELS: _read_models,
}
"""Each reads a document into the answer; False when it isn't of that shape."""
