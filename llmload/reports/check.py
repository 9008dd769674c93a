"""Whether a document is made of what its schema says, with the place where it isn't.

The part of JSON Schema that our own schemas use, types and values only: whether members are absent is for
the reader to say, who knows which have a default. Members unknown to the schema are let be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

__all__ = ["misfits"]

Schema = Mapping[str, Any]

_NAMES: Final = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null",
}  # fmt: skip


def misfits(value: object, schema: Schema, where: str = "") -> Iterator[str]:
    """Every place in ``value`` that doesn't fit, in words: "cells[3].calls is a string, not an integer"."""
    if "anyOf" in schema:
        tried = [list(misfits(value, option, where)) for option in schema["anyOf"]]
        if all(tried):
            yield from tried[0]
        return
    kind = _NAMES.get(type(value), "?")
    wanted = schema.get("type", kind)
    if wanted != kind and not (wanted == "number" and kind == "integer"):
        yield f"{where} is of type {kind}, not {wanted}"
        return
    for rule, broken in _RULES.items():
        if rule in schema and broken(value, schema[rule]):
            yield f"{where} is {str(value)[:60]!r}; {rule} {str(schema[rule])[:200]}"
    if isinstance(value, dict):
        yield from _members(value, schema, where)
    elif isinstance(value, list) and "items" in schema:
        for n, item in enumerate(value):
            yield from misfits(item, schema["items"], f"{where}[{n}]")


def _members(value: dict[str, Any], schema: Schema, where: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name, item in value.items():
        place = f"{where}.{name[:60]}" if where else name[:60]
        member = known.get(name, schema.get("additionalProperties"))
        if member:
            yield from misfits(item, member, place)
        if "propertyNames" in schema and name not in schema["propertyNames"].get("enum", (name,)):
            yield f"{place} is not known; there are: {', '.join(schema['propertyNames']['enum'])[:200]}"


_RULES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "const": lambda value, only: value != only,
    "enum": lambda value, allowed: value not in allowed,
    "minimum": lambda value, least: value < least,
    "minItems": lambda value, least: len(value) < least,
    "maxItems": lambda value, most: len(value) > most,
}
