"""The API of OpenAI and of the many servers and gateways that speak it: chat, completions, embeddings,
models, and rerank as Jina, vLLM and others have it beside them."""

from __future__ import annotations

from typing import Final

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.error_body import ErrorReader
from llmload.dialects.media import body_kind
from llmload.dialects.model_list import ModelList
from llmload.dialects.openai.document import DocumentReader
from llmload.dialects.openai.request import wire_request
from llmload.dialects.openai.stream import StreamReader
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "OpenAi"]


class OpenAi:
    """Dialect "openai"."""

    name = "openai"
    apis = frozenset({Api.CHAT, Api.COMPLETIONS, Api.EMBEDDINGS, Api.MODELS, Api.RERANK})

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        return wire_request(call)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = body_kind(content_type, call.stream)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        if stream:
            return StreamReader(answer)
        return DocumentReader(call.api, answer)


_OPENAI: Final = OpenAi()
KIND: Final = DialectKind("openai", OpenAi.apis, lambda options: _OPENAI, models=ModelList())
