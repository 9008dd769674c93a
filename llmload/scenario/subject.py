"""A scenario that is being checked, and what several checks want to know of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from llmload.errors import Problem
from llmload.scenario.document import Document
from llmload.scenario.mix import ClassTable
from llmload.scenario.model import Scenario
from llmload.scenario.positions import Path
from llmload.scenario.suggest import choice
from llmload.workload.conversation import TURN

__all__ = ["Subject", "targets_of"]


@dataclass(frozen=True)
class Subject:
    """A scenario being checked, and what several checks need of it."""

    scenario: Scenario
    document: Document

    def problem(self, path: Path, what: str, hint: str = "") -> Problem:
        return self.document.problem(path, what, hint)

    def unknown(self, path: Path, what: str, name: str, known: Iterable[str]) -> Problem:
        """ "there is no target 'x'" with the name that was probably meant."""
        return self.problem(path, f"there is no {what} {name[:64]!r}", choice(name, known))

    @cached_property
    def tags(self) -> set[str]:
        """Every tag that some call has."""
        own = {tag for cls in self.scenario.classes.values() for tag in cls.tags}
        talks = {TURN} if self.talks else set()
        return own | set(self.scenario.tags) | self.captured | set(self.scenario.dimensions) | talks

    @cached_property
    def talks(self) -> bool:
        """Whether some class has conversations."""
        return any(cls.conversation for cls in self.scenario.classes.values())

    @cached_property
    def captured(self) -> set[str]:
        """Every tag that answers give."""
        return {tag for target in self.scenario.targets.values() for tag in target.capture}

    @cached_property
    def phases(self) -> dict[str, bool]:
        """Phase -> whether it is measured."""
        return {phase.name: phase.measure for phase in self.scenario.load.phases}


def targets_of(cls: ClassTable, scenario: Scenario) -> tuple[str, ...]:
    """Where a class sends: what it names, or else everywhere."""
    if cls.target is not None:
        return (cls.target,)
    return cls.targets or tuple(scenario.targets)
