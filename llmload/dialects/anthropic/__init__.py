"""Anthropic's Messages API: chats and the list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmload.dialects.anthropic.document import DocumentReader
from llmload.dialects.anthropic.request import wire_request
from llmload.dialects.anthropic.stream import MessageStream
from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.error_body import ErrorReader
from llmload.dialects.media import body_kind
from llmload.dialects.model_list import ModelList
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "Anthropic"]

_VERSION: Final = "2023-06-01"


class Anthropic:
    """Dialect "anthropic"; ``headers``: what every request says of the API's version."""

    name = "anthropic"
    apis = frozenset({Api.CHAT, Api.MODELS})

    def __init__(self, headers: tuple[tuple[str, str], ...] = (("anthropic-version", _VERSION),)) -> None:
        self._headers = headers

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Anthropic:
        """As a target with these options speaks it."""
        beta = (("anthropic-beta", options["beta"]),) if options.get("beta") else ()
        return cls((("anthropic-version", options.get("version", _VERSION)), *beta))

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        return wire_request(call, self._headers)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = body_kind(content_type, call.stream)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        return MessageStream(answer) if stream else DocumentReader(call.api, answer)


KIND: Final = DialectKind(
    "anthropic",
    Anthropic.apis,
    Anthropic.of,
    options={
        "version": f"the anthropic-version header, {_VERSION} unless given",
        "beta": "the anthropic-beta header: names of beta features, separated by commas",
    },
    key=("x-api-key", ""),
    sim_base="/anthropic/v1",
    models=ModelList(more="has_more", query="?limit=1000"),
)
