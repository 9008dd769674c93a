"""Ollama's own API: chat, generate (completions), embed, tags. Streams are lines of JSON; the last one counts."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import ErrorReader, describe_error, reported_error
from llmload.dialects.intake import Intake
from llmload.dialects.json_body import JsonBody
from llmload.dialects.json_request import JSON, get, post
from llmload.dialects.media import body_kind
from llmload.dialects.model_list import ModelList
from llmload.dialects.openai.fields import note_model
from llmload.dialects.openai.request import function
from llmload.dialects.pieces import Kind, Piece
from llmload.records import Answer, Api, Call, Message, Usage, WireRequest
from llmload.wire.ndjson import NdjsonDecoder

__all__ = ["KIND", "Ollama"]

Json = dict[str, Any]
_TOKEN_LIMIT: Final = 1 << 40
_LINES: Final = "application/x-ndjson"


def _chat(call: Call) -> Json:
    tools = {"tools": [{"type": "function", "function": function(tool)} for tool in call.tools]} if call.tools else {}
    return {"messages": [_message(message) for message in call.messages], **tools}


def _message(message: Message) -> Json:
    made: Json = {"role": message.role, "content": message.content}
    if message.images:
        made["images"] = [base64.b64encode(image.data).decode() for image in message.images]
    if message.tool_calls:
        made["tool_calls"] = [
            {"function": {"name": used.name, "arguments": _arguments(used.arguments)}} for used in message.tool_calls
        ]
    return made


def _arguments(text: str) -> Any:
    """Arguments as an object; those a model did not finish, which are no JSON, as the text they are."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text}


def _generate(call: Call) -> Json:
    return {"prompt": "\n\n".join(call.inputs)}


_POSTS: Final[Mapping[Api, tuple[str, Callable[[Call], Json]]]] = {
    Api.CHAT: ("chat", _chat),
    Api.COMPLETIONS: ("generate", _generate),
    Api.EMBEDDINGS: ("embed", lambda call: {"input": list(call.inputs)}),
}


def _wire_request(call: Call) -> WireRequest:
    if call.api is Api.MODELS:
        return get(call, "tags")
    path, fields = _POSTS[call.api]
    body: Json = {"model": call.model, **fields(call)}
    if call.api is not Api.EMBEDDINGS:
        body["stream"] = call.stream  # its servers stream unless told not to
        if call.max_tokens is not None:
            body["options"] = {"num_predict": call.max_tokens}
    return post(call, path, body, _LINES if call.stream else JSON)


def _count(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    return value if type(value) is int and 0 <= value < _TOKEN_LIMIT else None


def _pieces(document: Mapping[str, Any]) -> Iterator[Piece]:
    """The content of a line or of a whole answer: ``message`` of a chat, ``response``, ``thinking`` of the others."""
    message = document.get("message")
    fields = message if isinstance(message, dict) else document
    for name, kind in (("thinking", Kind.REASONING), ("content", Kind.TEXT), ("response", Kind.TEXT)):
        text = fields.get(name)
        if text and isinstance(text, str):
            yield Piece(kind, name, text)
    calls = fields.get("tool_calls")
    for place, used in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(used, dict) and isinstance(used.get("function"), dict):
            yield Piece(Kind.TOOL_CALL, "tool_calls", "{}", place)


def _conclude(document: Mapping[str, Any], answer: Answer) -> str | None:
    """Note the counts and times of a last line; the reason for which the answer ended, None where it has not."""
    if document.get("done") is not True:
        return None
    usage = Usage(_count(document, "prompt_eval_count"), _count(document, "eval_count"))
    if usage != Usage():
        answer.usage = usage
    answer.server_time = _count(document, "total_duration") or 0
    answer.ended = True
    reason = document.get("done_reason")
    return (clean_line(reason, 64) if isinstance(reason, str) else "") or "stop"


class _Lines:
    """See Reader."""

    __slots__ = ("_answer", "_decoder", "_intake")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._decoder = NdjsonDecoder()
        self._intake = Intake(answer)

    def feed(self, data: bytes, t: int) -> None:
        """Take one read. DecodeError: a line is too long."""
        for line in self._decoder.feed(data):
            self._line(line, t)

    def template(self) -> None:
        """See Reader: each line has its time in it, so no two are alike."""

    def close(self, t: int) -> None:
        """A last line may lack its end."""
        for line in self._decoder.rest():
            self._line(line, t)

    def _line(self, line: bytes, t: int) -> None:
        answer = self._answer
        answer.events += 1
        answer.first_event = answer.first_event or t
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            answer.malformed += 1
            return
        note_model(document, answer)
        if document.get("error"):
            self._intake.fail(describe_error(document))
        reason = _conclude(document, answer)
        if self._intake.choice(0, tuple(_pieces(document)), reason, t):
            answer.stamps.append(t)


class _Document(JsonBody):
    __slots__ = ("_api",)

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(answer)
        self._api = api

    def _read(self, document: Json, t: int) -> bool:
        answer = self._answer
        note_model(document, answer)
        answer.error = None if "message" in document or "response" in document else reported_error(document)
        if self._api in _LISTS:
            entries = document.get(_LISTS[self._api])
            answer.items = len(entries) if isinstance(entries, list) else 0
            usage = Usage(_count(document, "prompt_eval_count"))
            answer.usage = usage if usage != Usage() else None
            answer.server_time = _count(document, "total_duration") or 0
            return isinstance(entries, list)
        found = tuple(_pieces(document))
        reason = _conclude(document, answer)
        intake = Intake(answer)
        intake.choice(0, found, reason, 0)
        answer.first_output = 0
        answer.items = int(bool(found) or reason is not None)
        return reason is not None or bool(found)


_LISTS: Final[Mapping[Api, str]] = {Api.EMBEDDINGS: "embeddings", Api.MODELS: "models"}


class Ollama:
    """Dialect "ollama"."""

    name = "ollama"
    apis = frozenset({Api.CHAT, Api.COMPLETIONS, Api.EMBEDDINGS, Api.MODELS})

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        return _wire_request(call)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """By status and content type; by what was asked for only where the type says nothing."""
        answer.content_type, stream = body_kind(content_type, call.stream)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        return _Lines(answer) if stream else _Document(call.api, answer)


_OLLAMA: Final = Ollama()
_MODELS: Final = ModelList("models", "name", suffix=":latest", single=False)
KIND: Final = DialectKind("ollama", Ollama.apis, lambda options: _OLLAMA, sim_base="/api", models=_MODELS)
