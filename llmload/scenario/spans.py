"""Distributions of whole numbers as people write them: tokens of a prompt, of an answer, sizes of a batch."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from llmload.scenario.suggest import choice
from llmload.workload.spec import Lengths

__all__ = ["SPAN_SCHEMA", "parse_span"]

_MOST: Final = 10**7
_RANGE: Final = re.compile(r"(\d{1,9})(?:\s*\.\.\s*(\d{1,9}))?")
_EXAMPLES: Final = 'write it like 150, "10..50", { mean = 100, sd = 30 } or [[30, "10..50"], [70, "50..150"]]'
_KEYS: Final = ("mean", "sd", "low", "high", "kind")
_KINDS: Final = ("normal", "lognormal")

_NUMBER: Final = {"type": "integer", "minimum": 1}
_TEXT: Final = {"type": "string", "pattern": r"^\s*\d+\s*(\.\.\s*\d+)?\s*$|\$\{"}
_TABLE: Final = {
    "type": "object",
    "properties": {
        "mean": {"type": "number", "exclusiveMinimum": 0},
        "sd": {"type": "number", "minimum": 0},
        "low": _NUMBER,
        "high": _NUMBER,
        "kind": {"enum": list(_KINDS)},
    },
    "required": ["mean", "sd"],
    "additionalProperties": False,
}
_HISTOGRAM: Final = {
    "type": "object",
    "properties": {
        "histogram": {
            "type": "array",
            "items": {"type": "array", "prefixItems": [_NUMBER, _NUMBER, {"type": "number", "minimum": 0}],
                      "minItems": 3, "maxItems": 3},
            "minItems": 1,
        }
    },
    "required": ["histogram"],
    "additionalProperties": False,
}  # fmt: skip
_PART: Final = {
    "type": "array",
    "prefixItems": [{"type": "number", "minimum": 0}, {"anyOf": [_NUMBER, _TEXT, _TABLE]}],
    "minItems": 2,
    "maxItems": 2,
}
SPAN_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [_NUMBER, _TEXT, _TABLE, _HISTOGRAM, {"type": "array", "items": _PART, "minItems": 1}],
    "examples": [150, "10..50", {"mean": 100, "sd": 30}, [[30, "10..50"], [70, "50..150"]]],
}
"""JSON Schema of what ``parse_span`` reads."""


def parse_span(value: object, nested: bool = False) -> Lengths:
    """The distribution that ``value`` means. Raises ValueError saying how it is written."""
    match value:
        case bool():
            pass
        case int():
            return Lengths("fixed", low=_checked(value), high=value)
        case str() if found := _RANGE.fullmatch(value.strip()):
            low, high = _checked(int(found[1])), _checked(int(found[2] or found[1]))
            if high < low:
                raise ValueError(f'{value!r} goes down; write "{high}..{low}"')
            return Lengths("uniform" if high > low else "fixed", low=low, high=high)
        case {"histogram": bins, **rest}:
            if rest:
                raise ValueError("a histogram has no other keys")
            return _histogram(bins)
        case dict():
            return _table(value)
        case list() if value and not nested:
            return _choice(value)
    raise ValueError(f"{str(value)[:60]!r} is not a number of tokens or a range; {_EXAMPLES}")


def _checked(number: int) -> int:
    if not 1 <= number <= _MOST:
        raise ValueError(f"{number} is out of bounds: it must be from 1 to {_MOST:,}")
    return number


def _table(table: dict[Any, Any]) -> Lengths:
    for key in table:
        if key not in _KEYS:
            raise ValueError(f"unknown key {key!r}; {choice(str(key), _KEYS)}")
    mean, sd = (_amount(table, key) for key in ("mean", "sd"))
    kind = table.get("kind", "normal")
    if kind not in _KINDS:
        raise ValueError(f"{kind!r} is not a kind of distribution; {choice(str(kind), _KINDS)}")
    low = _whole(table, "low", 1)
    high = _whole(table, "high", max(low, math.ceil(mean + 6 * sd)))
    if not low <= mean <= high:
        raise ValueError(f"the mean, {mean:g}, must lie between low, {low}, and high, {high}")
    return Lengths(kind, low=low, high=high, mean=mean, sd=sd)


def _amount(table: dict[Any, Any], key: str) -> float:
    number = table.get(key)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= _MOST:
        raise ValueError(f"{key} must be a number, as in {{ mean = 100, sd = 30 }}")
    return float(number)


def _whole(table: dict[Any, Any], key: str, default: int) -> int:
    number = table.get(key, default)
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"{key} must be a whole number")
    return _checked(number)


def _histogram(bins: object) -> Lengths:
    """``[[low, high, weight], ...]``: even inside each bin, both ends included."""
    if not isinstance(bins, list) or not bins:
        raise ValueError("a histogram is a list of [low, high, weight], as in { histogram = [[1, 10, 0.3]] }")
    parts: list[Any] = []
    for number, each in enumerate(bins, 1):
        whole = isinstance(each, list) and len(each) == 3 and all(type(edge) is int for edge in each[:2])
        if not whole:
            raise ValueError(f"bin {number} must be [low, high, weight], as in [1, 10, 0.3]")
        low, high, weight = each
        parts.append([weight, f"{low}..{high}" if low >= 0 <= high else low])
    return _choice(parts)


def _choice(parts: list[Any]) -> Lengths:
    found: list[tuple[float, Lengths]] = []
    for number, part in enumerate(parts, 1):
        if not isinstance(part, list) or len(part) != 2:
            raise ValueError(f'entry {number} must be [weight, range], as in [30, "10..50"]')
        weight = part[0]
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
            raise ValueError(f"entry {number} must begin with its weight, a number")
        try:
            found.append((float(weight), parse_span(part[1], nested=True)))
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None
    if sum(weight for weight, _ in found) <= 0:
        raise ValueError("the weights are all 0")
    return Lengths("choice", parts=tuple(found))
