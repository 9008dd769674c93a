"""Field types of the simulator's settings: quantities as people write them, or as plain numbers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from llmload.units import DURATION_PATTERN, RATE_PATTERN, parse_bytes, parse_duration, parse_rate, parse_share

__all__ = ["Count", "PerSecond", "Seconds", "Share", "Size", "Span"]


def _text(parse: Any) -> Any:
    """A validator that parses strings and leaves everything else to the type."""

    def read(value: object) -> object:
        return parse(value) if isinstance(value, str) else value

    return read


_SPAN: Final = re.compile(r"(\d+)(?:\s*\.\.\s*(\d+))?$")


def _span(value: object) -> object:
    """``"40..160"`` or ``100`` as (low, high)."""
    if isinstance(value, int):
        return (value, value)
    if not isinstance(value, str):
        return value
    match = _SPAN.match(value.strip())
    if match is None:
        raise ValueError(f'{value!r} is not a number of tokens; write it like 100 or "40..160"')
    return (int(match[1]), int(match[2] or match[1]))


def _ordered(value: tuple[int, int]) -> tuple[int, int]:
    low, high = value
    if not 1 <= low <= high:
        raise ValueError(f"{low}..{high} is not a span; the first number must be at least 1 and not above the second")
    return value


Seconds = Annotated[
    float,
    BeforeValidator(_text(parse_duration)),
    Field(ge=0, le=1e7, allow_inf_nan=False),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"type": "number", "minimum": 0}]}),
]
"""A duration: "20ms", or a number of seconds."""

Share = Annotated[
    float,
    BeforeValidator(_text(parse_share)),
    Field(ge=0, le=1, allow_inf_nan=False),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number", "minimum": 0, "maximum": 1}]}),
]
"""A part of one: "20%" or 0.2."""

PerSecond = Annotated[
    float,
    BeforeValidator(_text(parse_rate)),
    Field(gt=0, allow_inf_nan=False),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": RATE_PATTERN}, {"type": "number", "exclusiveMinimum": 0}]}),
]
"""Requests per second: "10/s", "600/min", or a number."""

Span = Annotated[
    tuple[int, int],
    BeforeValidator(_span),
    AfterValidator(_ordered),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\d+(\s*\.\.\s*\d+)?$"}]}
    ),
]
"""A number drawn evenly from low..high, both included: "40..160", or a fixed one: 100."""

Count = Annotated[int, Field(ge=0, le=10**9)]
"""A whole number, not negative."""

Size = Annotated[
    int,
    BeforeValidator(_text(parse_bytes)),
    Field(ge=0, le=2**34),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}),
]
"""Bytes: "64KiB", or a number of them."""
