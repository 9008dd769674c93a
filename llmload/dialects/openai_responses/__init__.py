"""OpenAI's Responses API: chats as a list of items, and events that say what they are."""

from __future__ import annotations

from typing import Final

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.error_body import ErrorReader
from llmload.dialects.media import body_kind
from llmload.dialects.model_list import ModelList
from llmload.dialects.openai.document import DocumentReader
from llmload.dialects.openai_responses.document import ResponseReader
from llmload.dialects.openai_responses.request import wire_request
from llmload.dialects.openai_responses.stream import EventsReader
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "OpenAiResponses"]


class OpenAiResponses:
    """Dialect "openai-responses"."""

    name = "openai-responses"
    apis = frozenset({Api.CHAT, Api.MODELS})

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        return wire_request(call)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = body_kind(content_type, call.stream)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        if stream:
            return EventsReader(answer)
        return ResponseReader(answer) if call.api is Api.CHAT else DocumentReader(call.api, answer)


_RESPONSES: Final = OpenAiResponses()
KIND: Final = DialectKind("openai-responses", OpenAiResponses.apis, lambda options: _RESPONSES, models=ModelList())
