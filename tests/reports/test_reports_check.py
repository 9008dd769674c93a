"""Our checker finds what a real JSON Schema validator finds, and says where."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from llmload.reports.check import misfits

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "enum": ["a", "b"]},
        "kind": {"const": "x"},
        "size": {"type": "integer", "minimum": 0},
        "share": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "pair": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "by": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "propertyNames": {"type": "string", "enum": ["ok", "bad"]},
        },
        "deep": {"type": "array", "items": {"type": "object", "properties": {"on": {"type": "boolean"}}}},
    },
}


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({}, []),
        ({"name": "a", "kind": "x", "size": 0, "share": None, "pair": [1, 2.5], "by": {"ok": 1}}, []),
        ({"new": object}, []),
        ({"name": 7}, ["name is of type integer, not string"]),
        ({"name": "c"}, ["name is 'c'; enum ['a', 'b']"]),
        ({"kind": "y"}, ["kind is 'y'; const x"]),
        ({"size": -1}, ["size is '-1'; minimum 0"]),
        ({"size": True}, ["size is of type boolean, not integer"]),
        ({"size": 1.5}, ["size is of type number, not integer"]),
        ({"share": "half"}, ["share is of type string, not number"]),
        ({"pair": [1]}, ["pair is '[1]'; minItems 2"]),
        ({"pair": [1, 2, 3]}, ["pair is '[1, 2, 3]'; maxItems 2"]),
        ({"pair": [1, "2"]}, ["pair[1] is of type string, not number"]),
        ({"by": {"odd": 1}}, ["by.odd is not known; there are: ok, bad"]),
        ({"by": {"ok": None}}, ["by.ok is of type null, not integer"]),
        ({"deep": [{}, {"on": 1}]}, ["deep[1].on is of type integer, not boolean"]),
        ([], [" is of type array, not object"]),
    ],
)
def test_every_misfit_is_found_with_its_place(document: Any, wrong: list[str]) -> None:
    assert list(misfits(document, SCHEMA)) == wrong
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(document) is not bool(wrong)


def test_what_is_quoted_is_bounded() -> None:
    found = list(misfits({"name": "x" * 10_000, "y" * 10_000: 1}, SCHEMA))
    assert all(len(text) < 400 for text in found)
