"""Gemini: ``generateContent`` and its like, as the Gemini API and Vertex AI speak them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.error_body import ErrorReader
from llmload.dialects.gemini.document import DocumentReader
from llmload.dialects.gemini.request import (
    STREAMINGS,
    AiStudio,
    Place,
    Streaming,
    VertexAi,
    streaming,
    wire_request,
)
from llmload.dialects.gemini.stream import ArrayStream, ResponseStream
from llmload.dialects.media import body_kind
from llmload.dialects.model_list import ModelList
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "VERTEX", "Gemini"]

_STREAM: Final = "how streams are asked for: sse (server-sent events, unless given) or array (a JSON array that grows)"
_APIS: Final = frozenset({Api.CHAT, Api.EMBEDDINGS, Api.MODELS})


class Gemini:
    """Dialects "gemini" and "vertex"."""

    apis = _APIS

    def __init__(self, name: str, place: Place, how: Streaming) -> None:
        self.name = name
        self._place = place
        self._how = how

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        return wire_request(call, self._place, self._how)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = body_kind(content_type, call.stream)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        if stream:
            return ResponseStream(answer)
        if call.stream and call.api is Api.CHAT:
            return ArrayStream(answer)
        return DocumentReader(call.api, answer)


def _gemini(options: Mapping[str, str]) -> Gemini:
    return Gemini("gemini", AiStudio(), streaming(options))


def _vertex(options: Mapping[str, str]) -> Gemini:
    return Gemini("vertex", VertexAi(options["project"], options["location"]), streaming(options))


KIND: Final = DialectKind(
    "gemini",
    _APIS,
    _gemini,
    options={"stream": _STREAM},
    choices={"stream": STREAMINGS},
    key=("x-goog-api-key", ""),
    sim_base="/v1beta",
    models=ModelList("models", "name", "nextPageToken", prefix="models/", query="?pageSize=1000"),
)
VERTEX: Final = DialectKind(
    "vertex",
    _APIS,
    _vertex,
    options={
        "project": "the Google Cloud project",
        "location": 'its location, as "europe-west1" or "global"',
        "stream": _STREAM,
    },
    choices={"stream": STREAMINGS},
    needed=frozenset({"project", "location"}),
    sim_base="/v1",
)
