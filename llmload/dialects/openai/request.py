"""Call -> request, OpenAI style."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmload.dialects.json_request import EVENTS, JSON, data_url, get, post
from llmload.records import Api, Call, Message, Tool, WireRequest

__all__ = ["chat_message", "function", "wire_request"]

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
    body = {"model": call.model, "messages": [chat_message(message) for message in call.messages], **_generation(call)}
    if call.tools:
        body["tools"] = [{"type": "function", "function": function(tool)} for tool in call.tools]
    return body


def chat_message(message: Message) -> Body:
    """A message: text, pictures, calls of tools, or the result of one."""
    made: Body = {"role": message.role, "content": _parts(message) if message.images else message.content}
    if message.tool_calls:
        made["content"] = message.content or None
        made["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        made["tool_call_id"] = message.tool_call_id
    return made


def _parts(message: Message) -> list[Body]:
    text = [{"type": "text", "text": message.content}] if message.content else []
    pictures = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in message.images]
    return [*text, *pictures]


def function(tool: Tool) -> Body:
    """A tool as a model is told of it."""
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "parameters": tool.parameters or {"type": "object", "properties": {}}}


def _completions(call: Call) -> Body:
    return {"model": call.model, "prompt": _prompt(call), **_generation(call)}


def _embeddings(call: Call) -> Body:
    return {"model": call.model, "input": _prompt(call), "encoding_format": "float"}


def _rerank(call: Call) -> Body:
    return {"model": call.model, "query": call.inputs[0], "documents": list(call.inputs[1:])}


_POSTS: Final[Mapping[Api, tuple[str, Callable[[Call], Body]]]] = {
    Api.CHAT: ("chat/completions", _chat),
    Api.COMPLETIONS: ("completions", _completions),
    Api.EMBEDDINGS: ("embeddings", _embeddings),
    Api.RERANK: ("rerank", _rerank),
}
_STREAMED: Final = frozenset({Api.CHAT, Api.COMPLETIONS})


def wire_request(call: Call) -> WireRequest:
    """The request of ``call``. Its ``params`` go into the body last, as they are; one that is None removes a field."""
    if call.api is Api.MODELS:
        return get(call, "models")
    path, fields = _POSTS[call.api]
    return post(call, path, fields(call), EVENTS if call.stream and call.api in _STREAMED else JSON)
