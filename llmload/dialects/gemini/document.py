"""Answers that are one JSON document: whole responses, embeddings, the list of models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from llmload.dialects.error_body import reported_error
from llmload.dialects.gemini.fields import FAILED_FINISH, candidates_of, finish_reason, pieces, take, usage_of
from llmload.dialects.intake import Intake
from llmload.dialects.json_body import JsonBody
from llmload.dialects.openai.fields import count_of
from llmload.dialects.vectors import hollow
from llmload.records import Answer, Api, Usage

__all__ = ["DocumentReader"]

_MODELS: Final = ("models", "publisherModels")


class DocumentReader(JsonBody):
    """``answer.items`` counts what the document is made of: candidates with content or a finish reason, vectors,
    models."""

    __slots__ = ("_api",)

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(answer)
        self._api = api

    def _thin(self, body: bytes) -> bytes:
        return hollow(body, "values") if self._api is Api.EMBEDDINGS else body

    def _read(self, document: dict[str, Any], t: int) -> bool:
        return _READERS[self._api](document, self._answer)


def _read_response(document: dict[str, Any], answer: Answer) -> bool:
    """Without times: a document has none."""
    take(document, Intake(answer, FAILED_FINISH), 0)
    answer.items = sum(1 for one in candidates_of(document) if pieces(one) or finish_reason(one))
    return isinstance(document.get("candidates"), list) or answer.usage is not None


def _read_vectors(document: dict[str, Any], answer: Answer) -> bool:
    answer.error = reported_error(document)
    found = list(_vectors(document))
    answer.items = sum(1 for vector in found if vector.get("values"))
    counts = [count_of(vector.get("statistics"), "token_count") for vector in found]
    known = [count for count in counts if count is not None]
    answer.usage = Usage(input=sum(known)) if known else usage_of(document.get("usageMetadata"))
    return any(isinstance(document.get(name), list) for name in ("embeddings", "predictions"))


def _vectors(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Gemini's ``embeddings``, and those inside the ``predictions`` of Vertex AI."""
    for name in ("embeddings", "predictions"):
        entries = document.get(name)
        for entry in entries if isinstance(entries, list) else ():
            vector = entry.get("embeddings", entry) if isinstance(entry, dict) else None
            if isinstance(vector, dict):
                yield vector


def _read_models(document: dict[str, Any], answer: Answer) -> bool:
    answer.error = reported_error(document)
    lists = [document[name] for name in _MODELS if isinstance(document.get(name), list)]
    answer.items = sum(map(len, lists))
    return bool(lists) or not document


_READERS: Final[Mapping[Api, Callable[[dict[str, Any], Answer], bool]]] = {
    Api.CHAT: _read_response,
    Api.EMBEDDINGS: _read_vectors,
    Api.MODELS: _read_models,
}
"""Each reads a document into the answer; False when it isn't of that shape. Empty lists are left out there."""
