"""Cohere's API, version 2.

    POST /v2/chat   POST /v2/embed   POST /v2/rerank

The same under ``/cohere``, as the SDK is told where to go.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import orjson

from llmload.sim.formats.base import Found, Headers, bearer
from llmload.sim.formats.parts import VECTORS, Speech, around, event, vector
from llmload.sim.limiter import LimitState
from llmload.sim.requests import (
    ANY,
    EmbeddingJob,
    Refused,
    TextJob,
    embedding_job,
    read_body,
    rerank_job,
    text_job,
    typed,
    whole,
)
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["CohereFormat", "PartFrames"]

Json = dict[str, Any]

_ROUTES: Final[Mapping[str, Found]] = {
    "/v2/chat": Found("chat"),
    "/v2/embed": Found("embeddings"),
    "/v2/rerank": Found("rerank"),
}
_FINISH: Final[Mapping[str, str]] = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}
_VERSION: Final = {"api_version": {"version": "2"}}


class CohereFormat:
    """See ``Format``."""

    name = "cohere"
    id_header = "x-debug-trace-id"

    def limits(self, state: LimitState, now: float) -> list[tuple[str, str]]:
        return [
            ("x-trial-endpoint-call-limit", str(state.limit)),
            ("x-trial-endpoint-call-remaining", str(state.remaining)),
        ]

    def find(self, path: str, query: str) -> Found | None:
        return _ROUTES.get(path.removeprefix("/cohere"))

    def key(self, headers: Mapping[str, str], query: str) -> str:
        return bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        asked = read_body(body)
        choice = "required" if asked.get("tool_choice") == "REQUIRED" else None
        return text_job({**asked, "tool_choice": choice, "n": None}, True, request_id, spec, _thoughts(asked))

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> PartFrames:
        return PartFrames(job, tagged)

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        asked = read_body(body)
        if found.route == "rerank":
            return rerank_job(asked, spec)
        if not asked.get("input_type"):
            raise Refused(400, "invalid request: valid input_type must be provided with the provided model")
        kinds = typed(asked, "embedding_types", list, ["float"])
        if kinds not in (["float"], ["base64"]):
            raise Refused(400, "invalid request: embedding_types must be one of [float, base64] here")
        wished = {"input": asked.get("texts"), "dimensions": asked.get("output_dimension")}
        return embedding_job({"model": asked.get("model"), **wished, "encoding_format": kinds[0]}, spec)

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        return _ranks(job, shift) if found.route == "rerank" else _embedded(job, shift)

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        return b""

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        return (), orjson.dumps({"message": str(why)})


def _thoughts(asked: Json) -> int:
    """The most tokens of thoughts that a request asks for."""
    thinking = typed(asked, "thinking", dict, {})
    return (whole(thinking, "token_budget", ANY) or ANY) if thinking.get("type") == "enabled" else 0


def _embedded(job: EmbeddingJob, shift: int) -> bytes:
    made = (vector(job.dimensions, (zlib.crc32(text) + shift) % VECTORS, job.base64) for text in job.inputs)
    kind = b"base64" if job.base64 else b"float"
    texts = orjson.dumps([text.decode("utf-8", "replace") for text in job.inputs])
    meta = orjson.dumps({**_VERSION, "billed_units": {"input_tokens": job.tokens}})
    return b'{"id":"embed","embeddings":{"%b":[%b]},"texts":%b,"meta":%b,"response_type":"embeddings_by_type"}' % (
        kind, b",".join(made), texts, meta,
    )  # fmt: skip


def _ranks(job: EmbeddingJob, shift: int) -> bytes:
    """Best first; equal documents are equally good, whatever the query."""
    scores = [((zlib.crc32(text) + shift) % VECTORS / VECTORS, -index) for index, text in enumerate(job.inputs)]
    best = sorted(scores, reverse=True)[: job.dimensions]
    results = [{"index": -place, "relevance_score": score} for score, place in best]
    return orjson.dumps({"id": "rerank", "results": results, "meta": {**_VERSION, "billed_units": {"search_units": 1}}})


class PartFrames:
    """The answer to one request, which has one choice: its stream events, and the whole document."""

    content_type = "text/event-stream; charset=utf-8"
    choices = 1

    __slots__ = ("_around", "_first", "_id", "_job", "_speech")

    def __init__(self, job: TextJob, tagged: str) -> None:
        self._job = job
        self._id = f"reply-{tagged}"
        self._speech = Speech(job, tagged)
        self._first = int(self._speech.thoughts > 0)
        """Place of the part that is text; thoughts come before it."""
        self._around = {what: around(partial(self._piece, what)) for what in ("thinking", self._what())}

    def _what(self) -> str:
        return "tool" if self._job.tool else "text"

    def _piece(self, what: str, text: str) -> bytes:
        if what == "tool":
            return _named("tool-call-delta", 0, {"tool_calls": {"function": {"arguments": text}}})
        return _named("content-delta", self._place(what), {"content": {what: text}})

    def _place(self, what: str) -> int:
        return 0 if what == "thinking" else self._first

    def _begun(self, what: str) -> bytes:
        if what == "tool":
            return _named("tool-call-start", 0, {"tool_calls": self._call("")})
        return _named("content-start", self._place(what), {"content": {"type": what, what: ""}})

    def _over(self, what: str) -> bytes:
        return _named("tool-call-end", 0) if what == "tool" else _named("content-end", self._place(what))

    def _call(self, arguments: str) -> Json:
        function = {"name": self._job.tool, "arguments": arguments}
        return {"id": f"{self._job.tool}_{self._id}", "type": "function", "function": function}

    def length(self, choice: int) -> int:
        return self._speech.length

    def opening(self, choice: int) -> bytes:
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        start = event({"id": self._id, "type": "message-start", "delta": {"message": message}}, "message-start")
        return start + self._begun("thinking" if self._speech.thoughts else self._what())

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        speech = self._speech
        before, after = self._around["thinking" if k < speech.thoughts else self._what()]
        made = before + orjson.dumps(speech.token(k, voice))[1:-1] + after
        turns = speech.thoughts and k == speech.thoughts
        return self._over("thinking") + self._begun(self._what()) + made if turns else made

    def closing(self, choice: int) -> bytes:
        return self._over(self._what())

    def ending(self) -> bytes:
        delta = {"finish_reason": _FINISH[self._job.finish(0)], "usage": self._usage()}
        return event({"type": "message-end", "id": self._id, "delta": delta}, "message-end") + self.done()

    def done(self) -> bytes:
        return b"data: [DONE]\n\n"

    def ping(self) -> bytes:
        return b": ping\n\n"

    def failure(self, code: str, message: str, named: bool) -> bytes:
        delta = {"finish_reason": "ERROR", "error": message}
        return event({"type": "message-end", "id": self._id, "delta": delta}, "message-end")

    def document(self, foreign: str = "") -> bytes:
        speech = Speech(self._job, foreign) if foreign else self._speech
        content = [{"type": "thinking", "thinking": speech.thought()}] if speech.thoughts else []
        message: Json = {"role": "assistant", "content": content}
        if self._job.tool:
            message["tool_calls"] = [self._call(speech.said())]
        else:
            content.append({"type": "text", "text": speech.said()})
        finish = _FINISH[self._job.finish(0)]
        return orjson.dumps({"id": self._id, "message": message, "finish_reason": finish, "usage": self._usage()})

    def _usage(self) -> Json:
        counts = {"input_tokens": sum(self._job.prompts), "output_tokens": self._speech.length}
        return {"billed_units": counts, "tokens": counts, "cached_tokens": sum(self._job.cached)}


def _named(kind: str, index: int, message: Json | None = None) -> bytes:
    delta = {"delta": {"message": message}} if message is not None else {}
    return event({"type": kind, "index": index, **delta}, kind)
