"""The parts that a JSON Schema is put together from (draft 2020-12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "Schema", "array", "count", "kind", "mapping", "maybe", "number", "one_of", "pair", "structure", "text",
]  # fmt: skip

Schema = dict[str, Any]


def structure(describes: str = "", optional: Iterable[str] = (), /, **members: Schema) -> Schema:
    """An object with these members, all of them required but the ``optional`` ones."""
    made: Schema = {"type": "object", "properties": members, "required": [n for n in members if n not in optional]}
    return made | ({"description": describes} if describes else {})


def kind(name: str, describes: str = "") -> Schema:
    """A value of this JSON type."""
    return {"type": name} | ({"description": describes} if describes else {})


def text(describes: str = "") -> Schema:
    """A string."""
    return kind("string", describes)


def number(describes: str = "") -> Schema:
    """A number."""
    return kind("number", describes)


def count(describes: str = "") -> Schema:
    """A whole number, not below 0."""
    return kind("integer", describes) | {"minimum": 0}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema, describes: str = "") -> Schema:
    """An array of such."""
    return {"type": "array", "items": items} | ({"description": describes} if describes else {})


def mapping(values: Schema, describes: str = "", keys: Schema | None = None) -> Schema:
    """An object with any members (of such ``keys``), each of such a value."""
    made: Schema = {"type": "object", "additionalProperties": values}
    return made | ({"propertyNames": keys} if keys else {}) | ({"description": describes} if describes else {})


def one_of(values: Iterable[str]) -> Schema:
    """One of these strings."""
    return {"type": "string", "enum": [str(value) for value in values]}


def pair(describes: str) -> Schema:
    """Two numbers, or null."""
    return maybe({"type": "array", "items": number(), "minItems": 2, "maxItems": 2, "description": describes})
