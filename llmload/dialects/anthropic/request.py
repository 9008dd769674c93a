"""Call -> request of the Messages API."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import orjson

from llmload.dialects.json_request import EVENTS, JSON, get, post
from llmload.records import Api, Call, Image, Message, ToolCall, WireRequest

__all__ = ["DEFAULT_MAX_TOKENS", "arguments_of", "encoded", "wire_request"]

Body = dict[str, Any]
Headers = tuple[tuple[str, str], ...]

DEFAULT_MAX_TOKENS: Final = 1024
"""The API wants a bound; this one is sent where the scenario has none."""


def wire_request(call: Call, headers: Headers) -> WireRequest:
    """The request of ``call``, with ``headers`` unless the call sets them itself."""
    made = get(call, "models") if call.api is Api.MODELS else _message(call)
    theirs = {name.lower() for name, _ in made.headers}
    ours = tuple((name, value) for name, value in headers if name not in theirs)
    return replace(made, headers=(*ours, *made.headers))


def _message(call: Call) -> WireRequest:
    """The call's ``params`` go into the body last, as they are; one that is None removes a field."""
    system = "\n\n".join(message.content for message in call.messages if message.role == "system")
    fields: Body = {
        "model": call.model,
        "max_tokens": DEFAULT_MAX_TOKENS if call.max_tokens is None else call.max_tokens,
        "messages": list(_turns(call.messages)),
    }
    if system:
        fields["system"] = system
    if call.stream:
        fields["stream"] = True
    if call.tools:
        fields["tools"] = [
            {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "input_schema": tool.parameters or {"type": "object", "properties": {}},
            }
            for tool in call.tools
        ]
    return post(call, "messages", fields, EVENTS if call.stream else JSON)


def _turns(messages: tuple[Message, ...]) -> Iterator[Body]:
    """System messages stand elsewhere; results of tools that come together are one turn of the user."""
    for role, run in groupby((m for m in messages if m.role != "system"), key=lambda m: m.role):
        if role == "tool":
            yield {"role": "user", "content": [_result(message) for message in run]}
        else:
            yield from ({"role": role, "content": _content(message)} for message in run)


def _result(message: Message) -> Body:
    return {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}


def _content(message: Message) -> str | list[Body]:
    if not message.images and not message.tool_calls:
        return message.content
    text = [{"type": "text", "text": message.content}] if message.content else []
    return [*map(_picture, message.images), *text, *map(_use, message.tool_calls)]


def _picture(image: Image) -> Body:
    source = {"type": "base64", "media_type": image.media_type, "data": encoded(image)}
    return {"type": "image", "source": source}


def _use(call: ToolCall) -> Body:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call)}


@lru_cache(maxsize=64)
def encoded(image: Image) -> str:
    """The bytes of a picture in base64."""
    return base64.b64encode(image.data).decode()


def arguments_of(call: ToolCall) -> Body:
    """The arguments of a tool call, as an object: empty where a model gave none that make sense."""
    try:
        found = orjson.loads(call.arguments)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
