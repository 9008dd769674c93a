"""Call -> request of Gemini, on either of the services that offer it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, Protocol
from urllib.parse import quote

from llmload.dialects.anthropic.request import arguments_of, encoded
from llmload.dialects.json_request import EVENTS, JSON, get, post
from llmload.records import Api, Call, Image, Message, Tool, ToolCall, WireRequest

__all__ = ["STREAMINGS", "AiStudio", "Place", "Streaming", "VertexAi", "streaming", "wire_request"]

Body = dict[str, Any]

_ROLES: Final[Mapping[str, str]] = {"assistant": "model"}


@dataclass(frozen=True, slots=True)
class Streaming:
    """How a stream is asked for."""

    query: str
    accept: str


_STREAMINGS: Final[Mapping[str, Streaming]] = {"sse": Streaming("?alt=sse", EVENTS), "array": Streaming("", JSON)}
STREAMINGS: Final = tuple(_STREAMINGS)


def streaming(options: Mapping[str, str]) -> Streaming:
    """By the option ``stream``, one of ``STREAMINGS``."""
    return _STREAMINGS[options.get("stream", "sse")]


class Place(Protocol):
    """Where a service keeps its models, and what differs in what it is asked."""

    models: str
    """Path of their list."""

    def model(self, name: str) -> str:
        """Path of a model."""

    def embeddings(self, call: Call) -> tuple[str, Body]:
        """What follows the path of the model, and the body."""


@dataclass(frozen=True, slots=True)
class AiStudio:
    """The Gemini API."""

    models = "models"

    def model(self, name: str) -> str:
        return quote(name if "/" in name else f"models/{name}", safe="/@")

    def embeddings(self, call: Call) -> tuple[str, Body]:
        model = call.model if "/" in call.model else f"models/{call.model}"
        extra = {name: value for name, value in call.params.items() if value is not None}
        requests = [{"model": model, "content": {"parts": [{"text": text}]}, **extra} for text in call.inputs]
        return ":batchEmbedContents", {"requests": requests}


@dataclass(frozen=True, slots=True)
class VertexAi:
    """Vertex AI, in one project and location."""

    project: str
    location: str

    models = "publishers/google/models"

    def model(self, name: str) -> str:
        if not name.startswith("projects/"):
            name = name if "/" in name else f"publishers/google/models/{name}"
            name = f"projects/{self.project}/locations/{self.location}/{name}"
        return quote(name, safe="/@")

    def embeddings(self, call: Call) -> tuple[str, Body]:
        extra = {name: value for name, value in call.params.items() if value is not None}
        body: Body = {"instances": [{"content": text} for text in call.inputs]}
        return ":predict", {**body, "parameters": extra} if extra else body


def wire_request(call: Call, place: Place, how: Streaming) -> WireRequest:
    """The request of ``call``. Its ``params`` go into the body last, as they are, but those of ``generationConfig``
    beside ours; one that is None removes a field. For embeddings they are those of each content."""
    if call.api is Api.MODELS:
        return get(call, place.models)
    path = place.model(call.model)
    if call.api is Api.EMBEDDINGS:
        method, body = place.embeddings(call)
        return post(replace(call, params={}), path + method, body)
    fields = _chat(call)
    config = {**fields.get("generationConfig", {}), **(call.params.get("generationConfig") or {})}
    if call.params.get("generationConfig"):
        call = replace(call, params={**call.params, "generationConfig": config})
    if call.stream:
        return post(call, f"{path}:streamGenerateContent{how.query}", fields, how.accept)
    return post(call, f"{path}:generateContent", fields)


def _chat(call: Call) -> Body:
    system = [{"text": message.content} for message in call.messages if message.role == "system"]
    fields: Body = {"contents": list(_turns(call.messages))}
    if system:
        fields["systemInstruction"] = {"parts": system}
    if call.max_tokens is not None:
        fields["generationConfig"] = {"maxOutputTokens": call.max_tokens}
    if call.tools:
        fields["tools"] = [{"functionDeclarations": [_declared(tool) for tool in call.tools]}]
    return fields


def _declared(tool: Tool) -> Body:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, **({"parameters": tool.parameters} if tool.parameters else {})}


def _turns(messages: tuple[Message, ...]) -> Iterator[Body]:
    """System messages stand elsewhere; results of tools that come together are one turn of the user."""
    names = {called.id: called.name for message in messages for called in message.tool_calls}
    for role, run in groupby((m for m in messages if m.role != "system"), key=lambda m: m.role):
        if role == "tool":
            yield {"role": "user", "parts": [_result(message, names) for message in run]}
        else:
            yield from ({"role": _ROLES.get(role, role), "parts": _parts(message)} for message in run)


def _result(message: Message, names: Mapping[str, str]) -> Body:
    """Results are told apart by the name of the function."""
    name = names.get(message.tool_call_id, message.tool_call_id)
    return {"functionResponse": {"name": name, "response": {"result": message.content}}}


def _parts(message: Message) -> list[Body]:
    others = [*map(_picture, message.images), *map(_called, message.tool_calls)]
    return [*([{"text": message.content}] if message.content or not others else []), *others]


def _picture(image: Image) -> Body:
    return {"inlineData": {"mimeType": image.media_type, "data": encoded(image)}}


def _called(call: ToolCall) -> Body:
    return {"functionCall": {"name": call.name, "args": arguments_of(call)}}
