"""The API of OpenAI and of the many servers and gateways that speak it: chat, completions, embeddings, models."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import ErrorReader
from llmload.dialects.openai.document import DocumentReader
from llmload.dialects.openai.request import wire_request
from llmload.dialects.openai.stream import StreamReader
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "OpenAi"]

_BY_TYPE: Final[tuple[tuple[str, bool], ...]] = (
    ("text/event-stream", True),
    ("json", False),
    ("text/html", False),
)
"""(part of a content type, whether it is a stream); what is not listed says nothing, so what was asked for counts."""


@lru_cache(maxsize=64)
def _kind(content_type: str, asked: bool) -> tuple[str, bool]:
    """The type as it is noted, and whether the body is a stream."""
    noted = clean_line(content_type.partition(";")[0].lower(), 100)
    return noted, next((stream for part, stream in _BY_TYPE if part in noted), asked)


class OpenAi:
    """Dialect "openai"."""

    name = "openai"
    apis = frozenset({Api.CHAT, Api.COMPLETIONS, Api.EMBEDDINGS, Api.MODELS})

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        return wire_request(call)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = _kind(content_type, call.stream)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        if stream:
            return StreamReader(answer)
        return DocumentReader(call.api, answer)


_OPENAI: Final = OpenAi()
KIND: Final = DialectKind("openai", OpenAi.apis, lambda options: _OPENAI)
