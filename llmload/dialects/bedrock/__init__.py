"""Amazon Bedrock's ``Converse`` and ``ConverseStream``: chat with whatever model is behind them.

Requests are signed by the transport (``api_key = { aws = {...} }``), or carry a Bedrock API key as a bearer token.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.bedrock.answers import ConverseReader, ConverseStreamReader
from llmload.dialects.bedrock.request import wire_request
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import ErrorReader
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "Bedrock"]

_BY_TYPE: Final[tuple[tuple[str, bool], ...]] = (("eventstream", True), ("json", False), ("text/html", False))
"""(part of a content type, whether it is a stream); what is not listed says nothing, so what was asked for counts."""


@lru_cache(maxsize=64)
def _kind(content_type: str, asked: bool) -> tuple[str, bool]:
    """The type as it is noted, and whether the body is a stream."""
    noted = clean_line(content_type.partition(";")[0].lower(), 100)
    return noted, next((stream for part, stream in _BY_TYPE if part in noted), asked)


class Bedrock:
    """Dialect "bedrock"."""

    name = "bedrock"
    apis = frozenset({Api.CHAT})

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        return wire_request(call)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = _kind(content_type, call.stream)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        return ConverseStreamReader(answer) if stream else ConverseReader(answer)


_BEDROCK: Final = Bedrock()
KIND: Final = DialectKind("bedrock", Bedrock.apis, lambda options: _BEDROCK, sim_base="")
