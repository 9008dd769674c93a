"""What several formats are made of."""

from __future__ import annotations

import base64
import math
import random
import sys
from array import array
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from llmload.sim.limiter import LimitState
from llmload.sim.requests import TextJob
from llmload.sim.text import Arguments, Voice

__all__ = ["VECTORS", "Speech", "around", "event", "openai_limits", "parsed", "signature", "speeches", "vector"]

VECTORS: Final = 128
"""Different vectors there are."""
_DIGITS: Final = 5
"""Decimal digits of an embedding's numbers."""


def event(document: Mapping[str, Any], name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(document) + b"\n\n"


def openai_limits(state: LimitState) -> list[tuple[str, str]]:
    """The state of a rate limit as OpenAI tells it."""
    reset = state.reset
    return [
        ("x-ratelimit-limit-requests", str(state.limit)),
        ("x-ratelimit-remaining-requests", str(state.remaining)),
        ("x-ratelimit-reset-requests", f"{math.ceil(reset * 1000)}ms" if reset < 1 else f"{reset:.3f}s"),
    ]


def around(make: Callable[[str], bytes]) -> tuple[bytes, bytes]:
    """What stands before and after the text that ``make`` puts into an event."""
    mark = "\x00"
    before, _, after = make(mark).partition(orjson.dumps(mark)[1:-1])
    return before, after


@lru_cache(maxsize=512)
def vector(dimensions: int, variant: int, as_base64: bool) -> bytes:
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


class Speech:
    """What a choice says: ``thoughts`` tokens of thoughts, then its text or the arguments of the tool it calls.

    Thoughts and what follows them are each counted from 0, so that the text of an answer is the same with and without.
    """

    __slots__ = ("_inner", "_outer", "length", "thoughts")

    def __init__(self, job: TextJob, tagged: str, choice: int = 0) -> None:
        self.length: Final = job.lengths[choice]
        self.thoughts: Final = job.thought(choice)
        self._inner = Voice(tagged, choice)
        said = self.length - self.thoughts
        self._outer = Arguments(tagged, choice, said) if job.tool else self._inner

    def token(self, k: int, voice: Voice | None = None) -> str:
        """Token ``k`` of all of them; ``voice``: in whose words, if not its own."""
        if k < self.thoughts:
            return (voice or self._inner).token(k)
        return (voice or self._outer).token(k - self.thoughts)

    def thought(self) -> str:
        """The thoughts."""
        return self._inner.text(self.thoughts)

    def said(self) -> str:
        """What follows them."""
        return self._outer.text(self.length - self.thoughts)


def speeches(job: TextJob, tagged: str) -> list[Speech]:
    """What each choice says."""
    return [Speech(job, tagged, choice) for choice in range(len(job.lengths))]


def signature(tagged: str) -> str:
    """What stands for the proof that thoughts are the model's own: base64, as real ones are."""
    return base64.b64encode(f"thought by {tagged}".encode()).decode()


def parsed(arguments: str) -> Any:
    """The arguments of a tool, where an API has them as an object."""
    return orjson.loads(arguments)
