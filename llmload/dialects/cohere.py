"""Cohere's own API, version 2: chat, embed, rerank.

A stream is server-sent events: ``message-start``, then ``content-start``, ``-delta`` and ``-end`` for each part of the
answer, ``tool-plan-delta`` and ``tool-call-start``, ``-delta``, ``-end`` where tools are used, and ``message-end``,
which says why it ended and counts. What is unknown (citations, ``debug``) says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import ErrorReader, reported_error
from llmload.dialects.event_stream import EventStream
from llmload.dialects.intake import Intake
from llmload.dialects.json_body import JsonBody
from llmload.dialects.json_request import EVENTS, JSON, post
from llmload.dialects.media import body_kind
from llmload.dialects.openai.fields import index_of
from llmload.dialects.openai.request import chat_message, function
from llmload.dialects.pieces import Kind, Piece
from llmload.records import Answer, Api, Call, Usage, WireRequest

__all__ = ["KIND", "Cohere"]

Json = dict[str, Any]

_FAILED: Final = frozenset({"ERROR", "ERROR_TOXIC", "ERROR_LIMIT", "TIMEOUT", "USER_CANCEL"})
"""Reasons of an answer that was given up."""
_TOKEN_LIMIT: Final = 1 << 40
_TEXTS: Final = (("text", Kind.TEXT), ("thinking", Kind.REASONING))
"""Where the words of a part of the content stand."""
_DELTAS: Final = frozenset({"content-start", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta"})
"""Events that may carry content."""


def _chat(call: Call) -> Json:
    body: Json = {"model": call.model, "messages": [chat_message(message) for message in call.messages]}
    if call.stream:
        body["stream"] = True
    if call.max_tokens is not None:
        body["max_tokens"] = call.max_tokens
    if call.tools:
        body["tools"] = [{"type": "function", "function": function(tool)} for tool in call.tools]
    return body


def _embed(call: Call) -> Json:
    texts = list(call.inputs)
    return {"model": call.model, "texts": texts, "input_type": "search_document", "embedding_types": ["float"]}


def _rerank(call: Call) -> Json:
    return {"model": call.model, "query": call.inputs[0], "documents": list(call.inputs[1:])}


_POSTS: Final[Mapping[Api, tuple[str, Callable[[Call], Json]]]] = {
    Api.CHAT: ("chat", _chat),
    Api.EMBEDDINGS: ("embed", _embed),
    Api.RERANK: ("rerank", _rerank),
}


def _count(fields: object, name: str) -> int | None:
    """A count among ``fields``; the API's numbers may be written as floats."""
    count = fields.get(name) if isinstance(fields, dict) else None
    if type(count) is float and count.is_integer():
        count = int(count)
    return count if type(count) is int and 0 <= count < _TOKEN_LIMIT else None


def _usage_of(counted: object) -> Usage | None:
    """``usage`` of a chat, ``meta`` of the others: what the model read and wrote, else what is billed; None: no."""
    if not isinstance(counted, dict):
        return None
    places = (counted.get("tokens"), counted.get("billed_units"))
    read, written = (
        next((count for place in places if (count := _count(place, name)) is not None), None)
        for name in ("input_tokens", "output_tokens")
    )
    usage = Usage(input=read, output=written, cached=_count(counted, "cached_tokens"))
    return None if usage == Usage() else usage


def _reason(fields: object) -> str | None:
    reason = fields.get("finish_reason") if isinstance(fields, dict) else None
    return clean_line(reason, 64) or None if isinstance(reason, str) else None


def _message_of(document: Json) -> object:
    delta = document.get("delta")
    return delta.get("message") if isinstance(delta, dict) else None


def _pieces(message: object, index: int) -> Iterator[Piece]:
    """The content of a message, whole or what an event adds to it; ``index``: of its first call of a tool."""
    if not isinstance(message, dict):
        return
    plan = message.get("tool_plan")
    if plan and isinstance(plan, str):
        yield Piece(Kind.REASONING, "tool_plan", plan)
    content = message.get("content")
    if content and isinstance(content, str):
        yield Piece(Kind.TEXT, "content", content)
    for part in _entries(content):
        for name, kind in _TEXTS:
            text = part.get(name)
            if text and isinstance(text, str):
                yield Piece(kind, name, text)
    for place, call in enumerate(_entries(message.get("tool_calls")), index):
        used = call.get("function")
        for name in ("name", "arguments"):
            text = used.get(name) if isinstance(used, dict) else None
            if text and isinstance(text, str):
                yield Piece(Kind.TOOL_CALL, name, text, place)


def _entries(value: object) -> list[Json]:
    """An object, or those in a list of them."""
    return [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]


class _Events(EventStream):
    """Fills an Answer from the events of one message."""

    __slots__ = ()

    def _chunk(self, document: Json, t: int) -> None:
        kind = document.get("type")
        if kind == "message-end":
            self._end(document.get("delta"), t)
        elif isinstance(kind, str) and kind in _DELTAS:
            found = list(_pieces(_message_of(document), index_of(document)))
            if self._intake.choice(0, found, None, t):
                self._stamps.append(t)
        elif (error := reported_error(document)) is not None:
            self._intake.fail(error)

    @staticmethod
    def _single(document: Any) -> Piece | None:
        if document.get("type") not in ("content-delta", "tool-call-delta"):
            return None
        found = list(_pieces(_message_of(document), index_of(document)))
        return found[0] if len(found) == 1 else None

    def _end(self, delta: object, t: int) -> None:
        fields = delta if isinstance(delta, dict) else {}
        if (usage := _usage_of(fields.get("usage"))) is not None:
            self._answer.usage = usage
        if fields.get("error") and (error := reported_error(fields)) is not None:
            self._intake.fail(error)
        self._intake.choice(0, (), _reason(fields), t)
        self._answer.ended = True


class _Document(JsonBody):
    """``answer.items`` counts vectors, ranks, parts of a message."""

    __slots__ = ("_api",)

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(answer)
        self._api = api

    def _read(self, document: Json, t: int) -> bool:
        answer = self._answer
        answer.usage = _usage_of(document.get("usage") or document.get("meta"))
        whole = _READERS[self._api](document, answer)
        if not whole and answer.error is None:
            answer.error = reported_error(document)
        return whole


def _read_message(document: Json, answer: Answer) -> bool:
    message = document.get("message")
    if not isinstance(message, dict):
        return False
    found = list(_pieces(message, 0))
    Intake(answer, _FAILED).choice(0, found, _reason(document), 0)
    answer.first_output = 0
    answer.items = len(found)
    return True


def _read_vectors(document: Json, answer: Answer) -> bool:
    kinds = document.get("embeddings")
    if not isinstance(kinds, dict):
        return False
    answer.items = max((sum(map(bool, each)) for each in kinds.values() if isinstance(each, list)), default=0)
    return True


def _read_ranks(document: Json, answer: Answer) -> bool:
    entries = document.get("results")
    answer.items = sum("index" in entry for entry in _entries(entries))
    return isinstance(entries, list)


_READERS: Final[Mapping[Api, Callable[[Json, Answer], bool]]] = {
    Api.CHAT: _read_message,
    Api.EMBEDDINGS: _read_vectors,
    Api.RERANK: _read_ranks,
}
"""Each reads a document into the answer; False when it isn't of that shape."""


class Cohere:
    """Dialect "cohere"."""

    name = "cohere"
    apis = frozenset({Api.CHAT, Api.EMBEDDINGS, Api.RERANK})

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        path, fields = _POSTS[call.api]
        return post(call, path, fields(call), EVENTS if call.stream and call.api is Api.CHAT else JSON)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = body_kind(content_type, call.stream and call.api is Api.CHAT)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        return _Events(answer, _FAILED) if stream else _Document(call.api, answer)


_COHERE: Final = Cohere()
KIND: Final = DialectKind("cohere", Cohere.apis, lambda options: _COHERE, sim_base="/cohere/v2")
