"""Call -> the request that opens a Realtime session, and what is said over its socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import orjson

from llmload.dialects.json_request import data_url, get
from llmload.dialects.openai.request import function
from llmload.records import Call, Message, WireRequest

__all__ = ["said", "upgrade"]

Body = dict[str, Any]

_BETA: Final = ("OpenAI-Beta", "realtime=v1")


def upgrade(call: Call, beta: bool) -> WireRequest:
    """The request for the socket."""
    made = get(call, f"realtime?model={quote(call.model, safe='')}")
    own = {name.lower() for name in call.headers}
    return replace(made, headers=(*made.headers, _BETA)) if beta and _BETA[0].lower() not in own else made


def said(call: Call, beta: bool, kept: bool) -> tuple[bytes, ...]:
    """The messages of ``call``, in order: settings of the session, the conversation so far, and that it be answered.

    On a socket that is ``kept`` all that is one message: a response outside of the session's conversation, so that
    calls know nothing of each other. The call's ``params`` go into the response last, as they are; one that is None
    removes a field.
    """
    settings = _settings(call, beta)
    items = [item for message in _spoken(call) for item in _items(message, beta)]
    if kept:
        settings.update(conversation="none", input=items)
        return (_event("response.create", response=_with_params(settings, call)),)
    session = settings if beta else {"type": "realtime", **settings}
    response = _with_params({}, call)
    return (
        _event("session.update", session=session),
        *(_event("conversation.item.create", item=item) for item in items),
        _event("response.create", response=response) if response else _event("response.create"),
    )


def _event(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, **fields})


def _with_params(fields: Body, call: Call) -> Body:
    return {name: value for name, value in {**fields, **call.params}.items() if value is not None}


def _settings(call: Call, beta: bool) -> Body:
    """What session and response can both be told."""
    made: Body = {"modalities" if beta else "output_modalities": ["text"]}
    if instructions := "\n".join(message.content for message in call.messages[: _leading(call)]):
        made["instructions"] = instructions
    if call.max_tokens is not None:
        made["max_response_output_tokens" if beta else "max_output_tokens"] = call.max_tokens
    if call.tools:
        made["tools"] = [{"type": "function", **function(tool)} for tool in call.tools]
    return made


def _leading(call: Call) -> int:
    """How many system messages the conversation begins with: they are the session's instructions."""
    roles = [message.role == "system" for message in call.messages]
    return roles.index(False) if False in roles else len(roles)


def _spoken(call: Call) -> tuple[Message, ...]:
    return call.messages[_leading(call) :]


def _items(message: Message, beta: bool) -> list[Body]:
    """A message is one item; calls of tools, and their results, are items of their own."""
    if message.tool_call_id:
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}]
    content = _content(message, beta)
    called = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return [*([{"type": "message", "role": message.role, "content": content}] if content else []), *called]


def _content(message: Message, beta: bool) -> list[Body]:
    answered = message.role == "assistant"
    kind = ("text" if beta else "output_text") if answered else "input_text"
    text = [{"type": kind, "text": message.content}] if message.content else []
    return [*text, *({"type": "input_image", "image_url": data_url(image)} for image in message.images)]
