"""Anthropic's Messages API.

    POST /v1/messages

and, because OpenAI's API has a list of models at the same path, everything under ``/anthropic`` too:

    POST /anthropic/v1/messages   GET /anthropic/v1/models   GET /anthropic/v1/models/NAME
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote

import orjson

from llmload.sim.formats.base import Found, Headers, bearer
from llmload.sim.formats.parts import around, event
from llmload.sim.requests import EmbeddingJob, Refused, TextJob, read_body, text_job
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["AnthropicFormat", "MessageFrames"]

Json = dict[str, Any]

_PREFIX: Final = "/anthropic"
_STOPS: Final[Mapping[str, str]] = {"stop": "end_turn", "length": "max_tokens"}
_KINDS: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
"""Types of error by status; other 4xx are ``invalid_request_error``, other 5xx ``api_error``."""


class AnthropicFormat:
    """See ``Format``."""

    name = "anthropic"

    def find(self, path: str, query: str) -> Found | None:
        inner = path.removeprefix(_PREFIX)
        if inner == "/v1/messages":
            return Found("chat")
        if inner == path:
            return None
        if inner.startswith("/v1/models/"):
            return Found("models", "GET", unquote(inner.removeprefix("/v1/models/")))
        return Found("models", "GET") if inner == "/v1/models" else None

    def key(self, headers: Mapping[str, str], query: str) -> str:
        return headers.get("x-api-key", "").strip() or bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        return text_job(_chat(read_body(body)), True, request_id, spec)

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> MessageFrames:
        return MessageFrames(job, tagged)

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        raise Refused(404, "There are no embeddings in this API.")

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        return b""

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        if found.name:
            return orjson.dumps(_model(found.name, created))
        entries = [_model(name, created) for name in names]
        return orjson.dumps({"data": entries, "has_more": False, "first_id": names[0], "last_id": names[-1]})

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        return (), orjson.dumps(_error(why.status, str(why)))


def _chat(body: Json) -> Json:
    """A request in the terms of a chat."""
    if body.get("max_tokens") is None:
        raise Refused(400, "max_tokens: Field required", param="max_tokens")
    system, messages = body.get("system"), body.get("messages")
    if system and isinstance(messages, list):
        messages = [{"role": "system", "content": system}, *messages]
    return {**body, "messages": messages, "stream_options": {"include_usage": True}}


def _model(name: str, created: int) -> Json:
    since = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": name, "display_name": name, "created_at": since, "lifecycle": "active"}


def _error(status: int, message: str) -> Json:
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


class MessageFrames:
    """The answer to one request, which has one choice: its stream events, and the whole message."""

    content_type = "text/event-stream; charset=utf-8"
    choices = 1

    __slots__ = ("_after", "_before", "_job", "_message", "_voice")

    def __init__(self, job: TextJob, tagged: str) -> None:
        self._job = job
        self._message: Json = {"id": f"msg_{tagged}", "type": "message", "role": "assistant", "model": job.model}
        self._voice = Voice(tagged, 0)
        self._before, self._after = around(lambda mark: _delta({"type": "text_delta", "text": mark}))

    def length(self, choice: int) -> int:
        return self._job.lengths[0]

    def opening(self, choice: int) -> bytes:
        usage = self._usage(1)
        start = {**self._message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        block = {"type": "text", "text": "", "citations": None}
        return (
            _named({"type": "message_start", "message": start})
            + _named({"type": "content_block_start", "index": 0, "content_block": block})
            + self.ping()
        )

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        return self._before + (voice or self._voice).token(k).encode() + self._after

    def closing(self, choice: int) -> bytes:
        return _named({"type": "content_block_stop", "index": 0})

    def ending(self) -> bytes:
        delta = {"stop_reason": _STOPS[self._job.finish(0)], "stop_sequence": None}
        usage = self._usage(self._job.lengths[0])
        return _named({"type": "message_delta", "delta": delta, "usage": usage}) + self.done()

    def done(self) -> bytes:
        return _named({"type": "message_stop"})

    def ping(self) -> bytes:
        return _named({"type": "ping"})

    def failure(self, code: str, message: str, named: bool) -> bytes:
        error = {"type": "api_error", "message": message}
        return _named({"type": "error", "error": error})

    def document(self, foreign: str = "") -> bytes:
        voice = Voice(foreign, 0) if foreign else self._voice
        length = self._job.lengths[0]
        return orjson.dumps(
            {
                **self._message,
                "content": [{"type": "text", "text": voice.text(length), "citations": None}],
                "stop_reason": _STOPS[self._job.finish(0)],
                "stop_sequence": None,
                "usage": self._usage(length),
            }
        )

    def _usage(self, output: int) -> Json:
        cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        return {"input_tokens": sum(self._job.prompts), **cache, "output_tokens": output}


def _delta(delta: Json) -> bytes:
    return _named({"type": "content_block_delta", "index": 0, "delta": delta})


def _named(document: Json) -> bytes:
    return event(document, document["type"])
