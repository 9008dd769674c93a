"""What an environment is wished to be: exact values, patterns, and ranges of versions and numbers.

"3.11.7"          this, letter by letter
"Linux*"          anything that begins so; * stands for any characters, "*" alone for anything that is known
">=0.6, <0.8"     a version or number within all of these bounds: >= > <= < and != (not this)
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["fits"]

_BOUND: Final = re.compile(r"\s*(>=|<=|!=|>|<)\s*(.+?)\s*")
_COMPARES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_NUMBER: Final = re.compile(r"\s*v?(\d{1,18}(?:\.\d{1,18})*)(.*)", re.IGNORECASE | re.DOTALL)
_BEFORE: Final = re.compile(r"[-_.]?(?:a|alpha|b|beta|c|rc|pre|preview|dev)[-_.]?\d*\b", re.IGNORECASE)
"""What makes a version one that came before the release it names (PEP 440)."""

_Key = tuple[tuple[float, ...], bool]


def fits(value: str, wished: str) -> bool | None:
    """Whether a value is as wished; None where a range is wished and the value is neither a version nor a number, or in
    another unit."""
    if wished.lstrip()[:1] not in (">", "<", "!"):
        return re.fullmatch(".*".join(map(re.escape, wished.split("*"))), value, re.DOTALL) is not None
    parts = [_BOUND.fullmatch(part) for part in wished.split(",")]
    answers = [None if part is None else _within(value, part[1], part[2]) for part in parts]
    if False in answers:
        return False
    return None if None in answers else True


def _within(value: str, relation: str, bound: str) -> bool | None:
    mine, theirs = _key(value), _key(bound)
    if mine is None or theirs is None or mine[1] != theirs[1]:
        return None if relation != "!=" else value != bound
    return _COMPARES[relation](mine[0], theirs[0])


def _key(text: str) -> tuple[_Key, str] | None:
    """How a version or number is ordered, and its unit; None for what is neither. ``0.6`` is ``0.6.0``; a candidate of
    a release comes before it. What has a unit is a number ("15.6 GiB"), all else a version ("1.10" is after "1.9")."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits, rest = match[1], match[2]
    if (rest[:1].isspace() or rest[:1] == "%") and rest.strip() and digits.count(".") <= 1:
        return ((float(digits),), True), rest.split()[0]
    numbers = [int(part) for part in digits.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return (tuple(numbers), _BEFORE.match(rest) is None), ""
