"""Ollama's own API: lines of JSON.

    POST /api/chat   POST /api/generate   POST /api/embed   GET /api/tags

It streams unless told not to. It has no keys of its own: where the simulator asks for them, they are bearer tokens.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from llmload.sim.formats.base import Found, Headers, bearer
from llmload.sim.formats.parts import VECTORS, Speech, around, openai_limits, parsed, vector
from llmload.sim.limiter import LimitState
from llmload.sim.requests import ANY, EmbeddingJob, Refused, TextJob, embedding_job, read_body, text_job
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["LineFrames", "OllamaFormat"]

Json = dict[str, Any]
_ROUTES: Final[Mapping[str, Found]] = {
    "/api/chat": Found("chat"),
    "/api/generate": Found("completions"),
    "/api/embed": Found("embeddings"),
    "/api/tags": Found("models", "GET"),
}


class OllamaFormat:
    """See ``Format``."""

    name = "ollama"
    id_header = "x-request-id"

    def limits(self, state: LimitState, now: float) -> list[tuple[str, str]]:
        return openai_limits(state)

    def find(self, path: str, query: str) -> Found | None:
        return _ROUTES.get(path)

    def key(self, headers: Mapping[str, str], query: str) -> str:
        return bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        asked = read_body(body)
        options = asked.get("options")
        most = options.get("num_predict") if isinstance(options, dict) else None
        stream = asked.get("stream") is not False
        if isinstance(asked.get("messages"), list):
            asked["messages"] = list(map(_pictured, asked["messages"]))
        read = {**asked, "max_tokens": most, "stream": stream, "tool_choice": _choice(asked), "n": None}
        thinks = asked.get("think") not in (None, False)
        return text_job(read, found.route == "chat", request_id, spec, ANY if thinks else 0)

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> LineFrames:
        return LineFrames(job, tagged, created)

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        return embedding_job({**read_body(body), "encoding_format": None}, spec)

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        made = (vector(job.dimensions, (zlib.crc32(text) + shift) % VECTORS, False) for text in job.inputs)
        times = b'"total_duration":1000000,"load_duration":1000'
        head = b'{"model":%b,%b,"prompt_eval_count":%d,"embeddings":[' % (orjson.dumps(job.model), times, job.tokens)
        return head + b",".join(made) + b"]}"

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        details = {"format": "gguf", "family": "simulated", "parameter_size": "1B", "quantization_level": "Q4_0"}
        return orjson.dumps(
            {
                "models": [
                    {
                        "name": name, "model": name, "modified_at": _time(created), "size": 1,
                        "digest": f"{zlib.crc32(name.encode()):064x}", "details": details,
                    }
                    for name in names
                ]
            }
        )  # fmt: skip

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        return (), orjson.dumps({"error": str(why)})


def _choice(asked: Json) -> str | None:
    """There is no way to ask for a call: tools that are offered are called, until there is a result of one."""
    messages = asked.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    answered = isinstance(last, dict) and last.get("role") == "tool"
    return "required" if asked.get("tools") and not answered else None


def _time(created: int) -> str:
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def _pictured(message: object) -> object:
    """A message whose pictures, which Ollama lists beside its text, are parts of it."""
    if not isinstance(message, dict) or not isinstance(message.get("images"), list):
        return message
    pictures = [{"type": "image", "image": data} for data in message["images"]]
    return {**message, "content": [str(message.get("content") or ""), *pictures]}


class LineFrames:
    """The answer to one request: a line for each token, and one with the counts.

    A call of a tool is in one line, which comes when its last token is made; before that nothing is said.
    """

    content_type = "application/x-ndjson"
    choices = 1

    __slots__ = ("_around", "_base", "_job", "_speech", "_thinking")

    def __init__(self, job: TextJob, tagged: str, created: int) -> None:
        self._job = job
        self._speech = Speech(job, tagged)
        self._base: Json = {"model": job.model, "created_at": _time(created)}
        self._around = around(lambda mark: self._line({**self._said(mark), "done": False}))
        self._thinking = around(lambda mark: self._line({**self._said("", mark), "done": False}))

    def _line(self, fields: Json) -> bytes:
        return orjson.dumps({**self._base, **fields}) + b"\n"

    def _said(self, text: str, thought: str = "", arguments: str = "") -> Json:
        thinking = {"thinking": thought} if thought else {}
        if not self._job.chat:
            return {"response": text, **thinking}
        called = {"function": {"name": self._job.tool, "arguments": parsed(arguments)}} if arguments else None
        calls = {"tool_calls": [called]} if called else {}
        return {"message": {"role": "assistant", "content": text, **thinking, **calls}}

    def _counts(self) -> Json:
        answer = self.length(0)
        return {
            "done": True,
            "done_reason": self._job.finish(0),
            "total_duration": answer * 10**7,
            "load_duration": 10**6,
            "prompt_eval_count": sum(self._job.prompts),
            "prompt_eval_duration": 10**6,
            "eval_count": answer,
            "eval_duration": answer * 10**7,
        }

    def length(self, choice: int) -> int:
        return self._job.lengths[0]

    def opening(self, choice: int) -> bytes:
        return b""

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        speech = self._speech
        if self._job.tool and k >= speech.thoughts:
            whole = k + 1 == speech.length
            return self._line({**self._said("", "", speech.said()), "done": False}) if whole else b""
        before, after = self._thinking if k < speech.thoughts else self._around
        return before + speech.token(k, voice).encode() + after

    def closing(self, choice: int) -> bytes:
        return b""

    def ending(self) -> bytes:
        return self._line({**self._said(""), **self._counts()})

    def done(self) -> bytes:
        return b""

    def ping(self) -> bytes:
        return b""

    def failure(self, code: str, message: str, named: bool) -> bytes:
        return orjson.dumps({"error": message}) + b"\n"

    def document(self, foreign: str = "") -> bytes:
        speech = Speech(self._job, foreign) if foreign else self._speech
        text, arguments = ("", speech.said()) if self._job.tool else (speech.said(), "")
        return self._line({**self._said(text, speech.thought(), arguments), **self._counts()})
