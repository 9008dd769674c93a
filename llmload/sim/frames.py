"""What the service says on the wire: OpenAI's documents and stream events, as bytes."""

from __future__ import annotations

import base64
import math
import random
import sys
import zlib
from array import array
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from llmload.sim.requests import EmbeddingJob, TextJob
from llmload.sim.text import Voice

__all__ = ["DONE", "TextFrames", "embedding_document", "error_document", "event", "model_document", "model_list"]

DONE: Final = b"data: [DONE]\n\n"
_VECTORS: Final = 128
_DIGITS: Final = 5
"""Decimal digits of an embedding's numbers."""


def event(document: Mapping[str, Any], name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(document) + b"\n\n"


def error_document(error: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"error": error})


def model_document(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "llmload"}


def model_list(names: tuple[str, ...], created: int) -> dict[str, Any]:
    return {"object": "list", "data": [model_document(name, created) for name in names]}


class TextFrames:
    """The answer to one chat or completions request: its stream events, and its whole document.

    The bytes around a token are the same all through a stream, so they are made once.
    """

    __slots__ = ("_around", "_base", "_end", "_job", "_kind", "voices")

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
        self.voices = [Voice(tagged, choice) for choice in range(len(job.lengths))]
        self._around = [self._split(choice) for choice in range(len(job.lengths))] if job.stream else []

    def _split(self, choice: int) -> tuple[bytes, bytes]:
        mark = "\x00"
        content = {"delta": {"content": mark}} if self._job.chat else {"text": mark}
        before, _, after = self._chunk(choice, content).partition(orjson.dumps(mark)[1:-1])
        return before, after

    def _chunk(self, choice: int, content: Mapping[str, Any], finish: str | None = None) -> bytes:
        choices = [{"index": choice, **content, "logprobs": None, "finish_reason": finish}]
        return event({**self._base, "object": self._kind, "choices": choices, **self._end})

    @property
    def choices(self) -> int:
        """How many answers there are, over all prompts."""
        return len(self._job.lengths)

    def length(self, choice: int) -> int:
        """Tokens in the answer of a choice."""
        return self._job.lengths[choice]

    def opening(self, choice: int) -> bytes:
        """What comes before the first token of a choice: the role, in chat."""
        if not self._job.chat:
            return b""
        return self._chunk(choice, {"delta": {"role": "assistant", "content": "", "refusal": None}})

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        """The event of token ``k``; ``voice``: in whose words, if not its own."""
        before, after = self._around[choice]
        return before + (voice or self.voices[choice]).token(k).encode() + after

    def closing(self, choice: int) -> bytes:
        """The end of a choice: its finish reason."""
        return self._chunk(choice, {"delta": {}} if self._job.chat else {"text": ""}, self._job.finish(choice))

    def usage(self) -> bytes:
        """The event with the usage of the whole answer, if it was asked for."""
        if not self._job.include_usage:
            return b""
        return event({**self._base, "object": self._kind, "choices": [], "usage": self._usage()})

    def document(self, foreign: str = "") -> bytes:
        """The whole answer of a request that does not stream; ``foreign``: in the words of that tag."""
        voices = [Voice(foreign, voice) for voice in range(self.choices)] if foreign else self.voices
        choices = [
            {
                "index": choice,
                **self._content(voices[choice].text(length)),
                "logprobs": None,
                "finish_reason": self._job.finish(choice),
            }
            for choice, length in enumerate(self._job.lengths)
        ]
        kind = "chat.completion" if self._job.chat else self._kind
        return orjson.dumps({**self._base, "object": kind, "choices": choices, "usage": self._usage()})

    def _content(self, text: str) -> dict[str, Any]:
        if not self._job.chat:
            return {"text": text}
        return {"message": {"role": "assistant", "content": text, "refusal": None}}

    def _usage(self) -> dict[str, Any]:
        prompt, completion = sum(self._job.prompts), sum(self._job.lengths)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


@lru_cache(maxsize=512)
def _vector(dimensions: int, variant: int, as_base64: bool) -> bytes:
    """A unit vector as JSON: a list, or the base64 of its little-endian floats."""
    source = random.Random(variant)  # noqa: S311
    raw = [source.gauss(0, 1) for _ in range(dimensions)]
    norm = math.sqrt(sum(x * x for x in raw))
    numbers = [round(x / norm, _DIGITS) for x in raw]
    if not as_base64:
        return orjson.dumps(numbers)
    packed = array("f", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return orjson.dumps(base64.b64encode(packed.tobytes()).decode())


def embedding_document(job: EmbeddingJob, shift: int = 0) -> bytes:
    """The answer to an embeddings request: equal inputs get equal vectors, out of ``_VECTORS`` different ones.

    ``shift`` other than 0 gives vectors that belong to other inputs.
    """
    entries = (
        b'{"object":"embedding","index":%d,"embedding":%b}'
        % (index, _vector(job.dimensions, (zlib.crc32(text) + shift) % _VECTORS, job.base64))
        for index, text in enumerate(job.inputs)
    )
    usage = orjson.dumps({"prompt_tokens": job.tokens, "total_tokens": job.tokens})
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (b",".join(entries), orjson.dumps(job.model), usage)
