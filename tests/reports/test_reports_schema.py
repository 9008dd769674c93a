"""What is published about results is true of real ones, all of it, and nothing is left unsaid."""

from __future__ import annotations

from typing import Any

import jsonschema
import orjson
import pytest
import reports_samples as samples

from llmload.reports import json_report
from llmload.reports.result import Result
from llmload.reports.schema import SCHEMA


def closed(schema: Any) -> Any:
    """The schema with every object that names its members allowed no others."""
    if isinstance(schema, dict):
        made = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema and isinstance(schema.get("type"), str):
            made["additionalProperties"] = False
        return made
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "make", [samples.result, samples.empty, samples.interrupted, samples.hostile, samples.overloaded]
)
def test_every_member_of_a_real_result_is_described(make: Any) -> None:
    result: Result = make()
    document = orjson.loads(json_report.render(result))
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(document)


def test_the_schema_notices_damage() -> None:
    document = orjson.loads(json_report.render(samples.result()))
    document["judgements"][0]["op"] = "?"
    document["judgements"][0]["objective"]["op"] = "~"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)
