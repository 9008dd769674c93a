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

from llmload.sim.requests import TextJob
from llmload.sim.text import Arguments, Voice

__all__ = ["VECTORS", "around", "event", "vector", "voice_of"]

VECTORS: Final = 128
"""Different vectors there are."""
_DIGITS: Final = 5
"""Decimal digits of an embedding's numbers."""


def event(document: Mapping[str, Any], name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(document) + b"\n\n"


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


def voice_of(job: TextJob, tagged: str, choice: int) -> Voice:
    """What a choice says: text, or the arguments of the tool it calls."""
    return Arguments(tagged, choice, job.lengths[choice]) if job.tool else Voice(tagged, choice)
