"""OpenAI's API: documents and stream events, as bytes.

    POST /v1/chat/completions   POST /v1/completions   POST /v1/embeddings   POST /v1/rerank
    GET  /v1/models             GET  /v1/models/NAME   GET  /health   GET /metrics   GET /version
    POST /echo (what came in)   POST /tokenize (as vLLM and SGLang have it, and as llama.cpp has it)

The same without ``/v1``.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import orjson

from llmload.sim.formats.base import Found, Headers, bearer
from llmload.sim.formats.parts import VECTORS, Speech, around, event, openai_limits, speeches, vector
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
)
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["OpenAiFormat", "TextFrames", "embedding_document", "error_document", "rank_document"]

_DONE: Final = b"data: [DONE]\n\n"
_PING: Final = b": ping\n\n"
_ROUTES: Final[Mapping[str, Found]] = {
    "/chat/completions": Found("chat"),
    "/completions": Found("completions"),
    "/embeddings": Found("embeddings"),
    "/rerank": Found("rerank"),
    "/models": Found("models", "GET"),
    "/tokenize": Found("tokenize"),
    "/echo": Found("echo"),
    "/health": Found("health", "GET"),
    "/metrics": Found("metrics", "GET"),
    "/version": Found("version", "GET"),
}
"""By path without ``/v1``."""
_NO_EFFORT: Final = frozenset({None, "", "none", "minimal"})
"""Values of ``reasoning_effort`` with which a model does not think."""


class OpenAiFormat:
    """See ``Format``."""

    name = "openai"
    id_header = "x-request-id"

    def limits(self, state: LimitState, now: float) -> list[tuple[str, str]]:
        return openai_limits(state)

    def find(self, path: str, query: str) -> Found | None:
        path = path.removeprefix("/v1")
        if path.startswith("/models/"):
            return Found("models", "GET", unquote(path.removeprefix("/models/")))
        return _ROUTES.get(path)

    def key(self, headers: Mapping[str, str], query: str) -> str:
        return bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        asked, chat = read_body(body), found.route == "chat"
        effort = typed(asked, "reasoning_effort", str)
        return text_job(asked, chat, request_id, spec, ANY if chat and effort not in _NO_EFFORT else 0)

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> TextFrames:
        return TextFrames(job, tagged, created)

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        made = rerank_job if found.route == "rerank" else embedding_job
        return made(read_body(body), spec)

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        return rank_document(job, shift) if found.route == "rerank" else embedding_document(job, shift)

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        if found.name:
            return orjson.dumps(_model_document(found.name, created))
        return orjson.dumps({"object": "list", "data": [_model_document(name, created) for name in names]})

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        return (), error_document(why.error)


def error_document(error: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"error": error})


def _model_document(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "llmload"}


class TextFrames:
    """The answer to one chat or completions request: its stream events, and its whole document.

    The bytes around a token are the same all through a stream, so they are made once.
    """

    content_type = "text/event-stream; charset=utf-8"

    __slots__ = ("_around", "_base", "_call_id", "_end", "_job", "_kind", "_thinking", "speeches")

    def __init__(self, job: TextJob, tagged: str, created: int) -> None:
        self._job = job
        self._kind = "chat.completion.chunk" if job.chat else "text_completion"
        self._base: dict[str, Any] = {
            "id": f"{'chatcmpl' if job.chat else 'cmpl'}-{tagged}",
            "created": created,
            "model": job.model,
            "system_fingerprint": "fp_simulated",
        }
        self._end = {"usage": None} if job.stream and job.include_usage else {}
        self._call_id = f"call_{tagged}"
        self.speeches = speeches(job, tagged)
        each = range(self.choices if job.stream else 0)
        self._around = [around(partial(self._piece, choice)) for choice in each]
        self._thinking = [around(partial(self._thought, choice)) for choice in each] if job.thoughts else []

    def _piece(self, choice: int, text: str) -> bytes:
        return self._chunk(choice, {"delta": self._delta(text)} if self._job.chat else {"text": text})

    def _thought(self, choice: int, text: str) -> bytes:
        return self._chunk(choice, {"delta": {"reasoning_content": text}})

    def _chunk(self, choice: int, content: Mapping[str, Any], finish: str | None = None) -> bytes:
        choices = [{"index": choice, **content, "logprobs": None, "finish_reason": finish}]
        return event({**self._base, "object": self._kind, "choices": choices, **self._end})

    def _delta(self, text: str) -> dict[str, Any]:
        if not self._job.tool:
            return {"content": text}
        return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}

    def _call(self, choice: int, arguments: str) -> dict[str, Any]:
        function = {"name": self._job.tool, "arguments": arguments}
        return {"id": f"{self._call_id}{choice}", "type": "function", "function": function}

    @property
    def choices(self) -> int:
        """How many answers there are, over all prompts."""
        return len(self._job.lengths)

    def length(self, choice: int) -> int:
        """Tokens in the answer of a choice."""
        return self._job.lengths[choice]

    def opening(self, choice: int) -> bytes:
        """What comes before the first token of a choice: the role, in chat, and the name of the tool."""
        if not self._job.chat:
            return b""
        said: dict[str, Any] = {"content": ""}
        if self._job.tool:
            said = {"content": None, "tool_calls": [{"index": 0, **self._call(choice, "")}]}
        return self._chunk(choice, {"delta": {"role": "assistant", **said, "refusal": None}})

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        """The event of token ``k``; ``voice``: in whose words, if not its own."""
        speech = self.speeches[choice]
        before, after = (self._thinking if k < speech.thoughts else self._around)[choice]
        text = speech.token(k, voice)
        return before + (orjson.dumps(text)[1:-1] if self._job.tool else text.encode()) + after

    def closing(self, choice: int) -> bytes:
        """The end of a choice: its finish reason."""
        return self._chunk(choice, {"delta": {}} if self._job.chat else {"text": ""}, self._job.finish(choice))

    def ending(self) -> bytes:
        """The usage of the whole answer, if it was asked for, and the end mark."""
        if not self._job.include_usage:
            return _DONE
        return event({**self._base, "object": self._kind, "choices": [], "usage": self._usage()}) + _DONE

    def done(self) -> bytes:
        return _DONE

    def ping(self) -> bytes:
        return _PING

    def failure(self, code: str, message: str, named: bool) -> bytes:
        error = {"message": message, "type": "server_error", "param": None, "code": code}
        return event({"error": error}, "error" if named else "")

    def document(self, foreign: str = "") -> bytes:
        """The whole answer of a request that does not stream; ``foreign``: in the words of that tag."""
        spoken = speeches(self._job, foreign) if foreign else self.speeches
        choices = [
            {
                "index": choice,
                **self._content(choice, speech),
                "logprobs": None,
                "finish_reason": self._job.finish(choice),
            }
            for choice, speech in enumerate(spoken)
        ]
        kind = "chat.completion" if self._job.chat else self._kind
        return orjson.dumps({**self._base, "object": kind, "choices": choices, "usage": self._usage()})

    def _content(self, choice: int, speech: Speech) -> dict[str, Any]:
        if not self._job.chat:
            return {"text": speech.said()}
        message: dict[str, Any] = {"role": "assistant", "content": speech.said(), "refusal": None}
        if self._job.tool:
            message |= {"content": None, "tool_calls": [self._call(choice, speech.said())]}
        if speech.thoughts:
            message["reasoning_content"] = speech.thought()
        return {"message": message}

    def _usage(self) -> dict[str, Any]:
        prompt, completion = sum(self._job.prompts), sum(self._job.lengths)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": sum(self._job.cached)},
            "completion_tokens_details": {"reasoning_tokens": sum(self._job.thoughts)},
        }


def embedding_document(job: EmbeddingJob, shift: int = 0) -> bytes:
    """The answer to an embeddings request: equal inputs get equal vectors, out of ``VECTORS`` different ones.

    ``shift`` other than 0 gives vectors that belong to other inputs.
    """
    entries = (
        b'{"object":"embedding","index":%d,"embedding":%b}'
        % (index, vector(job.dimensions, (zlib.crc32(text) + shift) % VECTORS, job.base64))
        for index, text in enumerate(job.inputs)
    )
    usage = orjson.dumps({"prompt_tokens": job.tokens, "total_tokens": job.tokens})
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (b",".join(entries), orjson.dumps(job.model), usage)


def rank_document(job: EmbeddingJob, shift: int = 0) -> bytes:
    """The answer to a rerank request, best first; equal documents are equally good, whatever the query.

    ``shift`` other than 0 gives the order of other documents.
    """
    scores = [((zlib.crc32(text) + shift) % VECTORS / VECTORS, -index) for index, text in enumerate(job.inputs)]
    best = sorted(scores, reverse=True)[: job.dimensions]
    results = [{"index": -place, "relevance_score": score} for score, place in best]
    usage = {"prompt_tokens": job.tokens, "total_tokens": job.tokens}
    return orjson.dumps({"object": "list", "model": job.model, "results": results, "usage": usage})
