"""Call -> request of the Responses API."""

from __future__ import annotations

from typing import Any

from llmload.dialects.json_request import EVENTS, JSON, data_url, get, post
from llmload.dialects.openai.request import function
from llmload.records import Api, Call, Message, WireRequest

__all__ = ["wire_request"]

Body = dict[str, Any]


def wire_request(call: Call) -> WireRequest:
    """The request of ``call``. Its ``params`` go into the body last, as they are; one that is None removes a field."""
    if call.api is Api.MODELS:
        return get(call, "models")
    fields: Body = {"model": call.model, "input": [item for message in call.messages for item in _items(message)]}
    if call.stream:
        fields["stream"] = True
    if call.max_tokens is not None:
        fields["max_output_tokens"] = call.max_tokens
    if call.tools:
        fields["tools"] = [{"type": "function", **function(tool), "strict": False} for tool in call.tools]
    return post(call, "responses", fields, EVENTS if call.stream else JSON)


def _items(message: Message) -> list[Body]:
    """A message is one item; calls of tools, and their results, are items of their own."""
    if message.tool_call_id:
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}]
    said = [{"role": message.role, "content": _content(message)}] if message.content or message.images else []
    called = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return [*said, *called]


def _content(message: Message) -> str | list[Body]:
    if not message.images:
        return message.content
    text = [{"type": "input_text", "text": message.content}] if message.content else []
    pictures = [{"type": "input_image", "image_url": data_url(image), "detail": "auto"} for image in message.images]
    return [*text, *pictures]
