"""Call -> request, OpenAI style."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from llmload.records import Api, Call, WireRequest

__all__ = ["wire_request"]

Body = dict[str, Any]


def _prompt(call: Call) -> Any:
    """One input or a list of them: texts, or token ids."""
    inputs: tuple[Any, ...] = call.token_ids or call.inputs
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _generation(call: Call) -> Body:
    """What chat and completions share."""
    body: Body = {}
    if call.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if call.max_tokens is not None and call.params.get("max_completion_tokens") is None:
        body["max_tokens"] = call.max_tokens
    return body


def _chat(call: Call) -> Body:
    messages = [{"role": message.role, "content": message.content} for message in call.messages]
    return {"model": call.model, "messages": messages, **_generation(call)}


def _completions(call: Call) -> Body:
    return {"model": call.model, "prompt": _prompt(call), **_generation(call)}


def _embeddings(call: Call) -> Body:
    return {"model": call.model, "input": _prompt(call), "encoding_format": "float"}


_POSTS: Final[Mapping[Api, tuple[str, Callable[[Call], Body]]]] = {
    Api.CHAT: ("chat/completions", _chat),
    Api.COMPLETIONS: ("completions", _completions),
    Api.EMBEDDINGS: ("embeddings", _embeddings),
}


def wire_request(call: Call) -> WireRequest:
    """The request of ``call``. Its ``params`` go into the body last, as they are; one that is None removes a field."""
    accept = "text/event-stream" if call.stream and call.api is not Api.EMBEDDINGS else "application/json"
    if call.api is Api.MODELS:
        return WireRequest("GET", "models", _headers({"accept": "application/json"}, call), b"")
    path, fields = _POSTS[call.api]
    body = {name: value for name, value in {**fields(call), **call.params}.items() if value is not None}
    headers = _headers({"content-type": "application/json", "accept": accept}, call)
    return WireRequest("POST", path, headers, orjson.dumps(body))


def _headers(ours: dict[str, str], call: Call) -> tuple[tuple[str, str], ...]:
    """Ours, less those the call sets itself (whatever their case), and the call's."""
    theirs = {name.lower() for name in call.headers}
    return (*((name, value) for name, value in ours.items() if name not in theirs), *call.headers.items())
