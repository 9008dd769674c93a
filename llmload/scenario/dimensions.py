"""``[dimensions.NAME.VALUE]``: named cuts of the traffic, and what the values make of the calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from llmload.scenario.plan import Phase
from llmload.scenario.quantities import Name, Number, Params, Text
from llmload.scenario.table import Table
from llmload.scenario.targets import ApiKeyTable, HeaderTable, no_literal_key
from llmload.workload.dimensions import Dimension, Value

__all__ = ["DimensionTables", "ValueTable", "by_dimension", "dimensions_of", "keys_of", "mixed"]


class ValueTable(Table):
    """One value of a dimension: how many calls have it, and what they have then."""

    weight: Number = Field(1.0, le=1e9, description="How many of these, in proportion to the dimension's other values.")
    headers: HeaderTable = Field({}, description="Headers these requests have too.")
    params: Params = Field({}, description="Fields of the body these requests have too.")
    api_key: Annotated[ApiKeyTable, BeforeValidator(no_literal_key)] | None = Field(
        None, description="Where the API key of these requests is found: the value is a tenant."
    )
    model: Text | None = Field(None, min_length=1, description="Model asked for; left out: the class's.")
    classes: tuple[Text, ...] = Field((), description="Classes it is for; left out: all.")
    expect_status: tuple[Annotated[int, Field(strict=True, ge=100, le=599)], ...] = Field(
        (), description="Statuses that are the right answer then, such as 401 for an invalid key."
    )


DimensionTables = dict[Name, Annotated[dict[Name, ValueTable], Field(min_length=1, max_length=100)]]
"""Dimension -> value -> what it means."""

_SEPARATOR: Final = "."


def dimensions_of(tables: DimensionTables, cls: str) -> tuple[Dimension, ...]:
    """The dimensions that cut a class, with the values that are for it."""
    found: list[Dimension] = []
    for name, values in tables.items():
        fit = tuple(_value(each, table) for each, table in values.items() if not table.classes or cls in table.classes)
        if any(value.weight for value in fit):
            number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
            found.append(Dimension(name, fit, number))
    return tuple(found)


def _value(name: str, table: ValueTable) -> Value:
    return Value(
        name=name,
        weight=table.weight,
        headers=dict(table.headers),
        params=dict(table.params),
        key=name if table.api_key is not None else "",
        model=table.model or "",
        expect_status=frozenset(table.expect_status),
        classes=table.classes,
    )


def keys_of(tables: DimensionTables) -> dict[str, ApiKeyTable]:
    """The credentials of the values that are tenants, by name."""
    return {
        name: table.api_key for values in tables.values() for name, table in values.items() if table.api_key is not None
    }


def by_dimension(mix: Mapping[str, float], tables: DimensionTables) -> Iterator[tuple[str, str, str]]:
    """(key, dimension, value) of what a mix names of dimensions: ``dimension.value``."""
    for key in mix:
        name, dot, value = key.partition(_SEPARATOR)
        if dot and name in tables:
            yield key, name, value


def mixed(phase: Phase, tables: DimensionTables) -> Phase:
    """The phase with what its mix says of classes and of values apart."""
    if not phase.weights:
        return phase
    values: dict[str, dict[str, float]] = {}
    named = list(by_dimension(phase.weights, tables))
    for key, name, value in named:
        values.setdefault(name, {})[value] = phase.weights[key]
    taken = {key for key, _, _ in named}
    classes = {key: weight for key, weight in phase.weights.items() if key not in taken}
    return Phase(phase.name, phase.start, phase.end, phase.measure, classes or None, values or None)
