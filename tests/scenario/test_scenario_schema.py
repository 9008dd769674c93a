from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import tomli
from scenario_kit import EVERYTHING, SMALL

from llmload.scenario.schema import SCHEMA_ID, scenario_schema
from llmload.scenario.starter import STARTER

SCHEMA = scenario_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def errors(text: str) -> list[str]:
    return [f"{list(error.path)} {error.message}" for error in VALIDATOR.iter_errors(tomli.loads(text))]


def test_it_is_a_valid_schema_with_its_address() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == SCHEMA_ID
    assert STARTER.startswith("#:schema ./scenario.schema.json\n")
    assert EVERYTHING.startswith("#:schema ./scenario.schema.json\n")


@pytest.mark.parametrize("text", [SMALL, EVERYTHING, STARTER])
def test_it_accepts_what_compiles(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [
        ("max_in_flight", "max_inflight", "max_inflight"),
        ('duration = "25s"', 'duration = "25"', "25"),
        ('rate = "2/s" }', 'rte = "2/s" }', "rte"),
        ('api = "chat"', 'api = "chatt"', "chatt"),
        ('type = "ramp"', 'type = "rmp"', "rmp"),
        ('base_url = "${LLMLOAD_URL:-sim:}"', "", "base_url"),
        ("first_token =", "first_tokens =", "first_tokens"),
    ],
)
def test_it_rejects_a_typo(right: str, wrong: str, word: str) -> None:
    assert right in STARTER
    found = errors(STARTER.replace(right, wrong))
    assert len(found) == 1
    assert word in found[0]


def test_references_pass_where_a_quantity_is_wanted() -> None:
    assert errors(SMALL.replace('"1m"', '"${HOW_LONG:-1m}"')) == []


def test_environments_may_hold_any_part_of_a_scenario_and_nothing_else() -> None:
    assert errors(SMALL + '[environments.a.targets.main]\nmodel = "x"\n') == []
    assert errors(SMALL + '[environments.a.load]\ncurve = { to = "9/s" }\n') == []
    assert len(errors(SMALL + '[environments.a.targets.main]\nmodle = "x"\n')) == 1


def fields(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    found = []
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            found += [(name, field) for name, field in schema["properties"].items() if isinstance(field, dict)]
        for item in schema.values():
            found += fields(item)
    return found


def test_every_key_is_documented() -> None:
    ours = {key: value for key, value in SCHEMA["$defs"].items() if key.endswith(("Table", "Curve", "Part"))}
    bare = [
        name
        for name, field in fields({"root": SCHEMA["properties"], **ours})
        if "description" not in field and "const" not in field and name not in ("mean", "sd", "low", "high", "kind")
    ]
    assert bare == []
