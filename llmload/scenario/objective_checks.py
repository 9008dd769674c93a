"""What objectives name must be there: classes, targets, phases, tags, pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from llmload.errors import Problem
from llmload.metrics.observed import FIGURES
from llmload.scenario.positions import Path
from llmload.scenario.subject import Subject, targets_of
from llmload.verdict.analysed import PHASES
from llmload.verdict.measures import AGAINST, OVER, needs_track
from llmload.verdict.objectives import DIMENSIONS
from llmload.verdict.target import NO_FIGURES, OBSERVE

__all__ = ["filters", "observed", "pairs"]

_MEANT: Final[Mapping[str, str]] = {AGAINST: "target", **dict.fromkeys(PHASES, "phase")}
"""Filters whose values are those of another one."""


def filters(subject: Subject) -> Iterator[Problem]:
    """Objectives about a class, target, model, phase or tag that doesn't exist would never have data."""
    scenario = subject.scenario
    models = {cls.model for cls in scenario.classes.values()} | {each.model for each in scenario.targets.values()}
    known: Mapping[str, Iterable[str]] = {
        "class": scenario.classes,
        "target": scenario.targets,
        "model": sorted(model for model in models if model),
        **dict.fromkeys(("phase", *PHASES), subject.phases or ("main",)),
        **scenario.dimensions,
    }
    for index, table in enumerate(scenario.objectives):
        path: Path = ("objectives", index)
        for side, key, value in ((each, *pair) for each in table.objective().sides for pair in each.where):
            if key == OVER:
                if needs_track(side.metric) and value not in subject.captured:
                    what = f"{side.metric} is over a label that answers carry, and none is called {value[:64]!r}"
                    hint = 'name the response header that says who served: capture = { provider = "x-served-by" }'
                    yield subject.problem(path, what, hint)
                elif value not in (*known, *subject.tags):
                    yield subject.unknown(path, "tag", value, [*DIMENSIONS, *sorted(subject.tags)])
            elif key == OBSERVE:
                if value not in scenario.observe:
                    yield subject.unknown(path, "observer", value, scenario.observe)
            elif key in known or key == AGAINST:
                what = _MEANT.get(key, key)
                if value not in known[what]:
                    yield subject.unknown(path, what, value, known[what])
                elif key == "phase" and not subject.phases.get(value, True):
                    yield subject.problem(path, f"phase {value!r} is not measured, so there is nothing to judge")
            elif key != "outcome" and key not in subject.tags:
                yield subject.unknown(path, "tag", key, [*DIMENSIONS, *sorted(subject.tags)])


def observed(subject: Subject) -> Iterator[Problem]:
    """Figures of the target that no observer gives would never have data."""
    own = sorted({name for table in subject.scenario.observe.values() for name in table.figures})
    known = [*FIGURES, *NO_FIGURES, *own]
    for index, table in enumerate(subject.scenario.objectives):
        for side in table.objective().sides:
            name = side.stat.rpartition(".")[0]
            if side.metric == "target" and name not in known:
                yield subject.unknown(("objectives", index), "figure of the target", name, known)


def pairs(subject: Subject) -> Iterator[Problem]:
    """Pairs that no class makes would never have data."""
    classes = subject.scenario.classes
    paired = {name: set(targets_of(cls, subject.scenario)) for name, cls in classes.items() if cls.paired}
    for index, table in enumerate(subject.scenario.objectives):
        for where in (dict(side.where) for side in table.objective().sides):
            if AGAINST not in where:
                continue
            asked = {where["target"], where[AGAINST]}
            there = [name for name, targets in paired.items() if asked <= targets]
            if where.get("class", next(iter(there), None)) not in there:
                named = where.get("class")
                who = f"class {named!r} makes no pairs" if named in classes else "no class makes pairs"
                hint = "set paired = true in a class that is sent to both"
                yield subject.problem(("objectives", index), f"{who} of {' and '.join(sorted(asked))}", hint)
