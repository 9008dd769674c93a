"""Anthropic's Messages API.

    POST /v1/messages

and, because OpenAI's API has a list of models at the same path, everything under ``/anthropic`` too:

    POST /anthropic/v1/messages   GET /anthropic/v1/models   GET /anthropic/v1/models/NAME
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import orjson

from llmload.sim.formats.base import Found, Headers, bearer
from llmload.sim.formats.parts import Speech, around, event, parsed, signature
from llmload.sim.limiter import LimitState
from llmload.sim.requests import ANY, EmbeddingJob, Refused, TextJob, read_body, text_job, typed, whole
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["AnthropicFormat", "MessageFrames"]

Json = dict[str, Any]

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_PREFIX: Final = "/anthropic"
_STOPS: Final[Mapping[str, str]] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_DELTAS: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
"""By type of block: type of its deltas, and where the content stands in them."""
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
    id_header = "request-id"

    def limits(self, state: LimitState, now: float) -> list[tuple[str, str]]:
        full = datetime.fromtimestamp(math.ceil(now + state.reset), UTC).strftime(_TIME)
        said = {"limit": str(state.limit), "remaining": str(state.remaining), "reset": full}
        return [(f"anthropic-ratelimit-requests-{name}", value) for name, value in said.items()]

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
        asked = read_body(body)
        return text_job(_chat(asked), True, request_id, spec, _thoughts(asked))

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
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "any":
        choice = "required"
    return {**body, "messages": messages, "tool_choice": choice}


def _thoughts(body: Json) -> int:
    """The most tokens of thoughts that a request asks for; ones that adapt have no bound."""
    thinking = typed(body, "thinking", dict, {})
    if thinking.get("type") == "enabled":
        return whole(thinking, "budget_tokens", ANY) or ANY
    return ANY if thinking.get("type") == "adaptive" else 0


def _model(name: str, created: int) -> Json:
    since = datetime.fromtimestamp(created, UTC).strftime(_TIME)
    return {"type": "model", "id": name, "display_name": name, "created_at": since, "lifecycle": "active"}


def _error(status: int, message: str) -> Json:
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


class MessageFrames:
    """The answer to one request, which has one choice: its stream events, and the whole message."""

    content_type = "text/event-stream; charset=utf-8"
    choices = 1

    __slots__ = ("_around", "_first", "_job", "_message", "_speech", "_tagged")

    def __init__(self, job: TextJob, tagged: str) -> None:
        self._job = job
        self._tagged = tagged
        self._message: Json = {"id": f"msg_{tagged}", "type": "message", "role": "assistant", "model": job.model}
        self._speech = Speech(job, tagged)
        self._first = int(self._speech.thoughts > 0)
        """Place of the block that holds text or a call; thoughts come before it."""
        self._around = {what: around(partial(self._piece, what)) for what in ("thinking", self._what())}

    def _what(self) -> str:
        return "tool_use" if self._job.tool else "text"

    def _piece(self, what: str, text: str) -> bytes:
        kind, name = _DELTAS[what]
        return _delta(0 if what == "thinking" else self._first, {"type": kind, name: text})

    def _block(self, what: str, text: str = "", signed: str = "") -> Json:
        """A block as it is with this text in it."""
        if what == "thinking":
            return {"type": "thinking", "thinking": text, "signature": signed}
        if what == "text":
            return {"type": "text", "text": text, "citations": None}
        called = parsed(text) if text else {}
        return {"type": "tool_use", "id": f"toolu_{self._tagged}", "name": self._job.tool, "input": called}

    def length(self, choice: int) -> int:
        return self._speech.length

    def opening(self, choice: int) -> bytes:
        start = {**self._message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": self._usage(1)}
        what = "thinking" if self._speech.thoughts else self._what()
        return _named({"type": "message_start", "message": start}) + _begun(0, self._block(what)) + self.ping()

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        speech = self._speech
        before, after = self._around["thinking" if k < speech.thoughts else self._what()]
        made = before + orjson.dumps(speech.token(k, voice))[1:-1] + after
        return self._turn() + made if speech.thoughts and k == speech.thoughts else made

    def _turn(self) -> bytes:
        """The thoughts are over."""
        signed = _delta(0, {"type": "signature_delta", "signature": signature(self._tagged)})
        return signed + _ended(0) + _begun(1, self._block(self._what()))

    def closing(self, choice: int) -> bytes:
        return _ended(self._first)

    def ending(self) -> bytes:
        delta = {"stop_reason": _STOPS[self._job.finish(0)], "stop_sequence": None}
        usage = self._usage(self._speech.length)
        return _named({"type": "message_delta", "delta": delta, "usage": usage}) + self.done()

    def done(self) -> bytes:
        return _named({"type": "message_stop"})

    def ping(self) -> bytes:
        return _named({"type": "ping"})

    def failure(self, code: str, message: str, named: bool) -> bytes:
        error = {"type": "api_error", "message": message}
        return _named({"type": "error", "error": error})

    def document(self, foreign: str = "") -> bytes:
        speech = Speech(self._job, foreign) if foreign else self._speech
        thoughts = [self._block("thinking", speech.thought(), signature(self._tagged))] if speech.thoughts else []
        return orjson.dumps(
            {
                **self._message,
                "content": [*thoughts, self._block(self._what(), speech.said())],
                "stop_reason": _STOPS[self._job.finish(0)],
                "stop_sequence": None,
                "usage": self._usage(speech.length),
            }
        )

    def _usage(self, output: int) -> Json:
        read, stored = sum(self._job.cached), self._job.stored
        cache = {"cache_creation_input_tokens": stored, "cache_read_input_tokens": read}
        return {"input_tokens": sum(self._job.prompts) - read - stored, **cache, "output_tokens": output}


def _begun(index: int, block: Json) -> bytes:
    return _named({"type": "content_block_start", "index": index, "content_block": block})


def _delta(index: int, delta: Json) -> bytes:
    return _named({"type": "content_block_delta", "index": index, "delta": delta})


def _ended(index: int) -> bytes:
    return _named({"type": "content_block_stop", "index": index})


def _named(document: Json) -> bytes:
    return event(document, document["type"])
