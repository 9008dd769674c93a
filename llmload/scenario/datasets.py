"""The data sets of a scenario's classes, gone through once: what a Plan holds in place of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llmload.data.dataset import DataSpec, open_data
from llmload.errors import Problem, ScenarioError
from llmload.scenario.document import Document
from llmload.scenario.model import Scenario

__all__ = ["DataSets", "beside", "open_data_sets", "said"]

DataSets = Mapping[str, DataSpec]
"""Class -> its data set, if it has one."""


def open_data_sets(scenario: Scenario, document: Document, directory: Path) -> tuple[DataSets, list[Problem]]:
    """The data sets, and the problems with those that can't be used. Reads each file from beginning to end."""
    found: dict[str, DataSpec] = {}
    problems: list[Problem] = []
    for name, cls in scenario.classes.items():
        table = cls.prompt
        if table.file is None or table.format is None:
            continue
        try:
            found[name] = open_data(beside(directory, table.file), table.format, table.template, table.order)
        except ScenarioError as error:
            problems.append(document.problem(("classes", name, "prompt", "file"), said(error)))
    return found, problems


def beside(directory: Path, file: str) -> Path:
    """A path as the scenario's author meant it: relative to the scenario."""
    return directory / Path(file).expanduser()


def said(error: ScenarioError) -> str:
    """What is wrong with another file, in one line."""
    return "; ".join(str(problem).replace("\n    ", ", ") for problem in error.problems)
