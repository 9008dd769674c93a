"""Amazon Bedrock's runtime: Converse and ConverseStream.

    POST /model/ID/converse   POST /model/ID/converse-stream

The key is the access key id of a signature (Signature Version 4), whose other parts are not looked at, or a bearer
token.
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
from llmload.sim.requests import EmbeddingJob, Refused, TextJob, read_body, text_job
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["BedrockFormat", "ConverseFrames", "frame"]

Json = dict[str, Any]

_PATH: Final = re.compile(r"/model/([^/]+)/converse(-stream)?")
_SIGNATURE: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d{8}/[^/,\s]+/[^/,\s]+/aws4_request, *SignedHeaders="
)
_STOPS: Final[Mapping[str, str]] = {"stop": "end_turn", "length": "max_tokens"}
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

    def find(self, path: str, query: str) -> Found | None:
        match = _PATH.fullmatch(path)
        return Found("chat", name=unquote(match[1]), stream=match[2] is not None) if match else None

    def key(self, headers: Mapping[str, str], query: str) -> str:
        signed = _SIGNATURE.match(headers.get("authorization", ""))
        return signed[1] if signed else bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        return text_job(_chat(read_body(body), found), True, request_id, spec)

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> ConverseFrames:
        return ConverseFrames(job, tagged)

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        raise Refused(404, "There are no embeddings in this API.")

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        return b""

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        return b""

    def error(self, why: Refused) -> tuple[Headers, bytes]:
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
    }


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

    __slots__ = ("_headers", "_job", "_voice")

    def __init__(self, job: TextJob, tagged: str) -> None:
        self._job = job
        self._voice = Voice(tagged, 0)
        self._headers = _frame_headers("contentBlockDelta")

    def length(self, choice: int) -> int:
        return self._job.lengths[0]

    def opening(self, choice: int) -> bytes:
        return frame("messageStart", {"role": "assistant"})

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        text = (voice or self._voice).token(k).encode()
        return _framed(b'{"contentBlockIndex":0,"delta":{"text":"%b"}}' % text, self._headers)

    def closing(self, choice: int) -> bytes:
        return frame("contentBlockStop", {"contentBlockIndex": 0})

    def ending(self) -> bytes:
        return self.done() + frame("metadata", self._counts())

    def done(self) -> bytes:
        return frame("messageStop", {"stopReason": _STOPS[self._job.finish(0)]})

    def ping(self) -> bytes:
        return b""

    def failure(self, code: str, message: str, named: bool) -> bytes:
        return frame("internalServerException", {"message": message}, "exception")

    def document(self, foreign: str = "") -> bytes:
        text = (Voice(foreign, 0) if foreign else self._voice).text(self._job.lengths[0])
        message = {"role": "assistant", "content": [{"text": text}]}
        return orjson.dumps(
            {"output": {"message": message}, "stopReason": _STOPS[self._job.finish(0)], **self._counts()}
        )

    def _counts(self) -> Json:
        prompt, answer, cached = sum(self._job.prompts), self._job.lengths[0], sum(self._job.cached)
        usage = {"inputTokens": prompt - cached, "outputTokens": answer, "totalTokens": prompt + answer}
        read = {"cacheReadInputTokens": cached, "cacheWriteInputTokens": 0}
        return {"usage": usage | read, "metrics": {"latencyMs": 0}}
