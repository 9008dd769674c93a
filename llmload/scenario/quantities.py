"""Field types of the scenario format: quantities as people write them.

Each is checked while the file is read, says in its error what would be right, and carries a JSON Schema with
a pattern and examples for editors. Strings with ``${...}`` in them pass the schema: they are filled in later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, Strict, WithJsonSchema

from llmload.scenario.spans import SPAN_SCHEMA, parse_span
from llmload.units import DURATION_PATTERN, RATE_PATTERN, parse_bytes, parse_duration, parse_rate, parse_share
from llmload.workload.spec import Lengths

__all__ = [
    "Bytes",
    "Duration",
    "Factor",
    "Flag",
    "Level",
    "LevelField",
    "Name",
    "Number",
    "Offset",
    "Params",
    "Rate",
    "Share",
    "Text",
    "TokenRange",
    "Users",
    "Whole",
]

LONGEST: Final = 400 * 86400.0
"""Seconds; a run longer than a year is a mistake in a unit."""
FASTEST: Final = 1e7
"""Requests per second, and users: beyond this it is a mistake in a unit."""

_REFERENCE: Final = r"\$\{"


def _schema(pattern: str, examples: list[Any], *others: dict[str, Any]) -> WithJsonSchema:
    text = {"type": "string", "pattern": f"(?:{pattern})|{_REFERENCE}"}
    return WithJsonSchema(
        {"anyOf": [text, *others], "examples": examples} if others else {**text, "examples": examples}
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parsed(parse: Callable[[str], float], text: str, most: float, unit: str) -> float:
    try:
        value = parse(text)
    except OverflowError:
        value = math.inf
    if value > most:
        raise ValueError(f"{text[:40]!r} is more than {most:g} {unit}")
    return value


def _duration(value: object) -> float:
    if isinstance(value, str):
        return _parsed(parse_duration, value, LONGEST, "s")
    if value == 0 and _is_number(value):
        return 0.0
    if _is_number(value):
        raise ValueError(f'a duration needs its unit; write "{value}s" or "{value}ms"')
    raise ValueError('must be a duration such as "30s", "250ms" or "1h30m"')


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError('must be longer than nothing, as in "30s"')
    return value


class Level(NamedTuple):
    """How high a curve is at one place: requests per second (``rate``) or users."""

    value: float
    unit: Literal["rate", "users"]


def _level(value: object) -> Level:
    if isinstance(value, str):
        return Level(_parsed(parse_rate, value, FASTEST, "per second"), "rate")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value <= FASTEST:
            raise ValueError(f"must be from 0 to {FASTEST:,.0f}")
        return Level(float(value), "users")
    raise ValueError('must be a rate such as "50/s", or a number of users')


def _rate(value: object) -> Level:
    if _is_number(value):
        raise ValueError(f'a rate needs its unit; write "{value}/s" or "{value}/min"')
    if not isinstance(value, str):
        raise ValueError('must be a rate such as "50/s" or "1000/min"')
    return _level(value)


def _bytes(value: object) -> int:
    if isinstance(value, str):
        return int(_parsed(parse_bytes, value, 2**40, "bytes"))
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**40:
        return value
    raise ValueError('must be a size such as "64KiB" or "10MB"')


def _share(value: object) -> float:
    if isinstance(value, str):
        return _parsed(parse_share, value, 1.0, "(all)")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ValueError('must be a share such as "5%" or 0.05')


_LARGEST_INT: Final = 2**63
_DEEPEST: Final = 50


def _json(value: object, depth: int = 0) -> object:
    """``value`` if it can be sent as JSON by anybody: no dates, no NaN, integers of 64 bits."""
    if depth > _DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict):
        return {str(key): _json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item, depth + 1) for item in value]
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, int) and -_LARGEST_INT <= value < _LARGEST_INT:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(f"{str(value)[:40]} can't be sent as JSON")


def _params(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return _json(value)


_NAME: Final = re.compile(r"[A-Za-z0-9][\w.:/@+ -]{0,63}")


def _name(value: object) -> str:
    """Names end up in tables, file names and metric labels: no control characters, bounded."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("must be a name of at most 64 letters, digits and any of _ . : / @ + - inside")
    return value


_DURATIONS: Final = _schema(DURATION_PATTERN, ["30s", "250ms", "1h30m"])

Duration = Annotated[float, PlainValidator(_duration), AfterValidator(_positive), _DURATIONS]
"""Seconds, more than 0, written "30s", "250ms", "1h30m"."""

Offset = Annotated[
    float, PlainValidator(_duration), _schema(DURATION_PATTERN + r"|^0$", ["0s", "30s", "5m"], {"const": 0})
]
"""A duration that may be 0."""

Rate = Annotated[Level, PlainValidator(_rate), _schema(RATE_PATTERN, ["50/s", "1000/min", "3/10s"])]
"""Requests per second, with its unit."""

Users = Annotated[float, Strict(), Field(ge=0, le=FASTEST)]
"""A number of users."""

LevelField = Annotated[
    Level, PlainValidator(_level), _schema(RATE_PATTERN, ["50/s", 100], {"type": "number", "minimum": 0})
]
"""A rate with its unit, or a plain number: users."""

Bytes = Annotated[
    int,
    PlainValidator(_bytes),
    _schema(r"^\s*[\d.]+\s*[A-Za-z]*\s*$", ["64KiB", "10MB"], {"type": "integer", "minimum": 0}),
]
"""Bytes, written "64KiB", "10MB", 512."""

Share = Annotated[
    float,
    PlainValidator(_share),
    _schema(r"^\s*[\d.]+\s*%?\s*$", ["5%", 0.05], {"type": "number", "minimum": 0, "maximum": 1}),
]
"""A part of one, written "5%" or 0.05."""

TokenRange = Annotated[Lengths, PlainValidator(parse_span), WithJsonSchema(SPAN_SCHEMA)]
"""A distribution of whole numbers: 150, "10..50", { mean, sd, low, high }, [[30, "10..50"], [70, "50..150"]]."""

Params = Annotated[dict[str, Any], BeforeValidator(_params)]
"""Anything that JSON can say."""

Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64})]
"""A name of something in the scenario, or a tag's value."""

Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict(), Field(ge=1, lt=_LARGEST_INT)]
"""A whole number from 1."""
Number = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
"""A number that is not negative."""
Factor = Annotated[float, Strict(), Field(gt=0, le=1e6, allow_inf_nan=False)]
"""What something is multiplied by."""
