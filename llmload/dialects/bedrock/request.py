"""Call -> request of Converse."""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import quote

import orjson

from llmload.records import Call, Image, Message, Tool, WireRequest

__all__ = ["wire_request"]

Body = dict[str, Any]

_EVENT_STREAM: Final = "application/vnd.amazon.eventstream"


def wire_request(call: Call) -> WireRequest:
    """The request of ``call``. Its ``params`` go into the body last, as they are; one that is None removes a field.

    ``inferenceConfig`` among them is added to, not replaced. The model's name is percent-encoded whole: it may hold
    colons, and an ARN slashes.
    """
    body: Body = {"messages": _messages(call.messages)}
    system = [{"text": message.content} for message in call.messages if message.role == "system"]
    if system:
        body["system"] = system
    if call.max_tokens is not None:
        body["inferenceConfig"] = {"maxTokens": call.max_tokens}
    if call.tools:
        body["toolConfig"] = {"tools": [_tool(tool) for tool in call.tools]}
    for name, value in call.params.items():
        if name == "inferenceConfig" and isinstance(value, dict):
            value = {**body.get(name, {}), **value}
        body[name] = value
    body = {name: value for name, value in body.items() if value is not None}
    path = f"model/{quote(call.model, safe='')}/converse{'-stream' if call.stream else ''}"
    return WireRequest("POST", path, _headers(call), orjson.dumps(body))


def _headers(call: Call) -> tuple[tuple[str, str], ...]:
    """Ours, less those the call sets itself (whatever their case), and the call's."""
    ours = {"content-type": "application/json", "accept": _EVENT_STREAM if call.stream else "application/json"}
    theirs = {name.lower() for name in call.headers}
    return (*((name, value) for name, value in ours.items() if name not in theirs), *call.headers.items())


def _messages(messages: tuple[Message, ...]) -> list[Body]:
    """Roles take turns: what follows in the same role is one message. Results of tools are a user's."""
    made: list[Body] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        content = _content(message)
        if made and made[-1]["role"] == role:
            made[-1]["content"] += content
        else:
            made.append({"role": role, "content": content})
    return made


def _content(message: Message) -> list[Body]:
    if message.role == "tool":
        result = {"toolUseId": message.tool_call_id, "content": [{"text": message.content}]}
        return [{"toolResult": result}]
    blocks: list[Body] = [{"image": _image(image)} for image in message.images]
    if message.content or not (blocks or message.tool_calls):
        blocks.append({"text": message.content})
    return blocks + [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": _arguments(call.arguments)}}
        for call in message.tool_calls
    ]


def _arguments(text: str) -> Body:
    """What a model said, which may be no JSON at all: then nothing."""
    try:
        arguments = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _image(image: Image) -> Body:
    kind = image.media_type.rpartition("/")[2]
    return {"format": kind, "source": {"bytes": base64.b64encode(image.data).decode()}}


def _tool(tool: Tool) -> Body:
    spec: Body = {"name": tool.name, "inputSchema": {"json": dict(tool.parameters)}}
    if tool.description:
        spec["description"] = tool.description
    return {"toolSpec": spec}
