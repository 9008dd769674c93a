"""Scenarios for the tests of the scenario package: the smallest, and one that uses everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmload.errors import Problem, ScenarioError
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import Loaded, load_scenario
from llmload.scenario.plan import Plan

HERE = Path(__file__).parent

SMALL = """\
[targets.main]
base_url = "http://localhost:8000/v1"
model = "m"

[classes.chat]

[load]
rate = "10/s"
duration = "1m"
"""

EVERYTHING = (HERE / "everything.toml").read_text()
"""A scenario in which every key of the format occurs."""


def source(text: str, name: str = "test.toml") -> Source:
    return Source(text, name, HERE, Path(name).stem)


def loaded(text: str, environment: str | None = None, *overrides: str, **options: Any) -> Loaded:
    return load_scenario(source(text), environment, overrides, **{"environ": {}, **options})


def compiled(text: str, environment: str | None = None, *overrides: str, **options: Any) -> Plan:
    return compile_scenario(loaded(text, environment, *overrides, **options))


def problems(text: str, environment: str | None = None, *overrides: str, **options: Any) -> list[Problem]:
    """What is wrong with it; fails when nothing is."""
    with pytest.raises(ScenarioError) as caught:
        compiled(text, environment, *overrides, **options)
    return caught.value.problems


def only_problem(text: str, environment: str | None = None, *overrides: str, **options: Any) -> Problem:
    """The one thing that is wrong with it."""
    found = problems(text, environment, *overrides, **options)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]
