"""The JSON Schema of scenario files: completion, documentation and checking in editors."""

from __future__ import annotations

import copy
from typing import Any, Final

from llmload.scenario.model import Scenario

__all__ = ["SCHEMA_ID", "scenario_schema"]

SCHEMA_ID: Final = "urn:llmload:schema:scenario:1"
"""What scenario files name in their first line, ``#:schema ...``."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "#/$defs/"
_PARTIAL: Final = "Partial"


def scenario_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scenario file. Strings with ``${...}`` pass wherever a quantity is wanted."""
    schema = Scenario.model_json_schema()
    partial = _partial(schema)
    schema["$defs"].update({_PARTIAL + name: _partial(definition) for name, definition in schema["$defs"].items()})
    schema["$defs"][_PARTIAL] = partial | {"description": "Whatever is different in this environment."}
    schema["properties"]["environments"] = {
        "title": "Environments",
        "description": "Variants: tables that are merged over the rest of the file with --env NAME.",
        "type": "object",
        "additionalProperties": {"$ref": _REFERENCE + _PARTIAL},
    }
    head = {"$schema": _DIALECT, "$id": SCHEMA_ID, "title": "llmload scenario"}
    return head | {key: value for key, value in schema.items() if key not in head}


def _partial(schema: dict[str, Any]) -> dict[str, Any]:
    """The same with nothing required: for tables that are merged over others."""
    partial = copy.deepcopy({key: value for key, value in schema.items() if key != "$defs"})
    _loosen(partial)
    return partial


def _loosen(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _loosen(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("required"), list):
        del node["required"]
    node.pop("discriminator", None)
    if "oneOf" in node:
        node["anyOf"] = node.pop("oneOf")
    if isinstance(node.get("$ref"), str):
        node["$ref"] = node["$ref"].replace(_REFERENCE, _REFERENCE + _PARTIAL)
    for value in node.values():
        _loosen(value)
