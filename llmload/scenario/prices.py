"""Price tables: what models cost, out of a TOML file of one's own or the example that comes along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli
from pydantic import Field, ValidationError

from llmload.errors import Problem
from llmload.scenario.document import Document
from llmload.scenario.mix import ClassTable
from llmload.scenario.model import Scenario
from llmload.scenario.plan import Prices
from llmload.scenario.quantities import Name, Number, Text
from llmload.scenario.table import Table
from llmload.scenario.targets import EXAMPLE_PRICES, PricesTable

__all__ = ["PriceFile", "open_prices", "prices_of"]

_EXAMPLE: Final = Path(__file__).with_name("example-prices.toml")
_MOST: Final = 2**20
_NOT_FOUND: Final = 404

Tables = Mapping[str, Mapping[str, Prices]]
"""Target -> model -> prices, of targets whose prices stand in a file."""


class ModelPrices(Table):
    """US dollars per million tokens, and per request."""

    input: Number = 0.0
    output: Number = 0.0
    cached: Number | None = None
    request: Number = 0.0


class PriceFile(Table):
    """A price table. ``dated``: when it was true."""

    dated: Text = Field(min_length=1)
    models: dict[Name, ModelPrices] = Field(min_length=1)


def prices_of(table: PricesTable | ModelPrices) -> Prices:
    """The prices of a table; cached tokens without a price of their own cost what input tokens do."""
    return Prices(table.input, table.output, table.input if table.cached is None else table.cached, table.request)


def open_prices(scenario: Scenario, document: Document, directory: Path) -> tuple[Tables, list[Problem]]:
    """The prices of the models that are asked for, of targets that name a file; and what is wrong with the files.

    A model that the table doesn't hold is a problem: a run must not look cheaper than it is. One that stands there
    under the beginning of its name ("gpt-4o" for "gpt-4o-2024-08-06") is that one.
    """
    found: dict[str, dict[str, Prices]] = {}
    problems: list[Problem] = []
    for name, target in scenario.targets.items():
        if not target.prices.file:
            continue
        path = ("targets", name, "prices")
        try:
            known = _read(target.prices.file, directory)
        except (OSError, ValueError) as error:
            problems.append(document.problem(path, f"{target.prices.file}: {_why(error)}"))
            continue
        found[name] = {}
        for model in _asked(scenario, name):
            price = _find(known.models, model)
            if price is None:
                what = f"{target.prices.file} (of {known.dated}) has no price of model {model!r}"
                problems.append(document.problem(path, what, "add it there, with prices of 0 if it is free"))
            else:
                found[name][model] = prices_of(price)
    return found, problems


def _read(file: str, directory: Path) -> PriceFile:
    path = _EXAMPLE if file == EXAMPLE_PRICES else directory / Path(file).expanduser()
    with path.open("rb") as opened:
        text = opened.read(_MOST + 1)
    if len(text) > _MOST:
        raise ValueError("is larger than a price table can be")
    data: dict[str, Any] = tomli.loads(text.decode("utf-8"))
    return PriceFile.model_validate(data)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return error.strerror or "can't be read" if isinstance(error, OSError) else str(error)


def _asked(scenario: Scenario, target: str) -> list[str]:
    """The models that classes and dimensions ask for there, those that don't exist left out."""
    asked = [_model(cls, scenario, target) for cls in scenario.classes.values() if _paid(cls, scenario, target)]
    values = [value for values in scenario.dimensions.values() for value in values.values()]
    asked += [value.model for value in values if value.model and _NOT_FOUND not in value.expect_status]
    return [model for model in dict.fromkeys(asked) if model]


def _paid(cls: ClassTable, scenario: Scenario, target: str) -> bool:
    there = (cls.target,) if cls.target else cls.targets or tuple(scenario.targets)
    return target in there and cls.api != "models" and _NOT_FOUND not in cls.expect_status


def _model(cls: ClassTable, scenario: Scenario, target: str) -> str:
    return cls.model or scenario.targets[target].model or ""


def _find(known: Mapping[str, ModelPrices], model: str) -> ModelPrices | None:
    if model in known:
        return known[model]
    begun = [name for name in known if model.startswith((f"{name}-", f"{name}@"))]
    return known[max(begun, key=len)] if begun else None
