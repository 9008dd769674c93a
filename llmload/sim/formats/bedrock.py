"""Amazon Bedrock's runtime: Converse and ConverseStream.

    POST /model/ID/converse   POST /model/ID/converse-stream

The key is the access key id of a signature (Signature Version 4), or a bearer token. The signature is verified where
the simulator was told the secret.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import orjson

from llmload.sim.formats.base import Found, Headers, bearer
from llmload.sim.formats.parts import Speech, parsed, signature
from llmload.sim.limiter import LimitState
from llmload.sim.requests import ANY, BAD_SIGNATURE, EmbeddingJob, Refused, TextJob, read_body, text_job, typed, whole
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["BedrockFormat", "ConverseFrames", "frame"]

Json = dict[str, Any]

_PATH: Final = re.compile(r"/model/([^/]+)/converse(-stream)?")
_SIGNATURE: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d{8}/[^/,\s]+/[^/,\s]+/aws4_request, *SignedHeaders="
)
_STOPS: Final[Mapping[str, str]] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_NAMES: Final[Mapping[int, str]] = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
"""Errors by status; other 4xx are like 400, other 5xx like 500."""


def frame(kind: str, document: Json, message: str = "event") -> bytes:
    """One frame of the stream: an event, or an exception."""
    return _framed(orjson.dumps(document), _frame_headers(kind, message))


def _frame_headers(kind: str, message: str = "event") -> bytes:
    name = ":event-type" if message == "event" else ":exception-type"
    said = {name: kind, ":content-type": "application/json", ":message-type": message}
    return b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in said.items()
    )


def _framed(payload: bytes, headers: bytes) -> bytes:
    prelude = struct.pack(">II", 12 + len(headers) + len(payload) + 4, len(headers))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


class BedrockFormat:
    """See ``Format``."""

    name = "bedrock"
    id_header = "x-amzn-requestid"

    def limits(self, state: LimitState, now: float) -> list[tuple[str, str]]:
        return []

    def find(self, path: str, query: str) -> Found | None:
        match = _PATH.fullmatch(path)
        return Found("chat", name=unquote(match[1]), stream=match[2] is not None) if match else None

    def key(self, headers: Mapping[str, str], query: str) -> str:
        signed = _SIGNATURE.match(headers.get("authorization", ""))
        return signed[1] if signed else bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        asked = read_body(body)
        return text_job(_chat(asked, found), True, request_id, spec, _thoughts(asked))

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> ConverseFrames:
        return ConverseFrames(job, tagged)

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        raise Refused(404, "There are no embeddings in this API.")

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        return b""

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        return b""

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        if why.error["code"] == BAD_SIGNATURE:
            return (("x-amzn-errortype", BAD_SIGNATURE),), orjson.dumps({"message": str(why)})
        name = _NAMES.get(why.status) or _NAMES[500 if why.status >= 500 else 400]
        return (("x-amzn-errortype", name),), orjson.dumps({"message": str(why)})


def _chat(body: Json, found: Found) -> Json:
    """A request in the terms of a chat."""
    messages, system = body.get("messages"), body.get("system")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "A conversation must start with a user message.", param="messages")
    limits = body.get("inferenceConfig")
    limits = limits if isinstance(limits, dict) else {}
    told = [{"role": "system", "content": system}] if isinstance(system, list) else []
    return {
        "model": found.name,
        "stream": found.stream,
        "messages": [*told, *map(_flat, messages)],
        "max_tokens": limits.get("maxTokens"),
        **_tools(body),
    }


def _tools(body: Json) -> Json:
    """The tools, and which of them must be called."""
    config = typed(body, "toolConfig", dict, {})
    tools, choice = typed(config, "tools", list, []), typed(config, "toolChoice", dict, {})
    specs = [tool.get("toolSpec") for tool in tools if isinstance(tool, dict)]
    return {"tools": specs, "tool_choice": "required" if "any" in choice else choice.get("tool")}


def _thoughts(body: Json) -> int:
    """The most tokens of thoughts: models of Anthropic are asked for them in fields of their own."""
    own = typed(body, "additionalModelRequestFields", dict, {})
    thinking = typed(own, "thinking", dict, {})
    return (whole(thinking, "budget_tokens", ANY) or ANY) if thinking.get("type") == "enabled" else 0


def _flat(message: object) -> object:
    """A message whose results of tools are parts of it like others."""
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise Refused(400, "Each message needs a role and a list of content.", param="messages")
    parts: list[object] = []
    for part in message["content"]:
        result = part.get("toolResult") if isinstance(part, dict) else None
        inner = result.get("content") if isinstance(result, dict) else None
        parts += inner if isinstance(inner, list) else [part]
    return {**message, "content": parts}


class ConverseFrames:
    """The answer to one request, which has one choice: its frames, and the whole document."""

    content_type = "application/vnd.amazon.eventstream"
    choices = 1

    __slots__ = ("_first", "_headers", "_job", "_speech", "_tagged")

    def __init__(self, job: TextJob, tagged: str) -> None:
        self._job = job
        self._tagged = tagged
        self._speech = Speech(job, tagged)
        self._first = int(self._speech.thoughts > 0)
        """Place of the block that holds text or a call; thoughts come before it."""
        self._headers = _frame_headers("contentBlockDelta")

    def _tool(self) -> Json:
        return {"toolUseId": f"tooluse_{self._tagged}", "name": self._job.tool}

    def length(self, choice: int) -> int:
        return self._speech.length

    def opening(self, choice: int) -> bytes:
        begun = frame("messageStart", {"role": "assistant"})
        return begun if self._speech.thoughts else begun + self._begun()

    def _begun(self) -> bytes:
        """A call begins with its name; texts and thoughts begin with their first piece."""
        if not self._job.tool:
            return b""
        return frame("contentBlockStart", {"contentBlockIndex": self._first, "start": {"toolUse": self._tool()}})

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        speech = self._speech
        text = orjson.dumps(speech.token(k, voice))
        if k < speech.thoughts:
            return self._delta(0, b'{"reasoningContent":{"text":%b}}' % text)
        made = self._delta(self._first, (b'{"toolUse":{"input":%b}}' if self._job.tool else b'{"text":%b}') % text)
        return self._turn() + made if speech.thoughts and k == speech.thoughts else made

    def _delta(self, index: int, delta: bytes) -> bytes:
        return _framed(b'{"contentBlockIndex":%d,"delta":%b}' % (index, delta), self._headers)

    def _turn(self) -> bytes:
        """The thoughts are over."""
        signed = orjson.dumps({"reasoningContent": {"signature": signature(self._tagged)}})
        return self._delta(0, signed) + frame("contentBlockStop", {"contentBlockIndex": 0}) + self._begun()

    def closing(self, choice: int) -> bytes:
        return frame("contentBlockStop", {"contentBlockIndex": self._first})

    def ending(self) -> bytes:
        return self.done() + frame("metadata", self._counts())

    def done(self) -> bytes:
        return frame("messageStop", {"stopReason": _STOPS[self._job.finish(0)]})

    def ping(self) -> bytes:
        return b""

    def failure(self, code: str, message: str, named: bool) -> bytes:
        return frame("internalServerException", {"message": message}, "exception")

    def document(self, foreign: str = "") -> bytes:
        speech = Speech(self._job, foreign) if foreign else self._speech
        content: list[Json] = []
        if speech.thoughts:
            text: Json = {"text": speech.thought(), "signature": signature(self._tagged)}
            content.append({"reasoningContent": {"reasoningText": text}})
        if self._job.tool:
            content.append({"toolUse": {**self._tool(), "input": parsed(speech.said())}})
        else:
            content.append({"text": speech.said()})
        message = {"role": "assistant", "content": content}
        return orjson.dumps(
            {"output": {"message": message}, "stopReason": _STOPS[self._job.finish(0)], **self._counts()}
        )

    def _counts(self) -> Json:
        prompt, answer = sum(self._job.prompts), self._job.lengths[0]
        cached, stored = sum(self._job.cached), self._job.stored
        usage = {"inputTokens": prompt - cached - stored, "outputTokens": answer, "totalTokens": prompt + answer}
        read = {"cacheReadInputTokens": cached, "cacheWriteInputTokens": stored}
        return {"usage": usage | read, "metrics": {"latencyMs": 0}}
