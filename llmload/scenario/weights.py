"""Weights of classes that change over time: curves over the whole run, in place of a number each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from llmload.arrivals.curves import Curve
from llmload.errors import Problem
from llmload.scenario.curves import ConstantCurve, CurveBase, fit
from llmload.scenario.document import Document
from llmload.scenario.model import Scenario
from llmload.scenario.plan import Plan
from llmload.scenario.positions import Path
from llmload.units import format_seconds

__all__ = ["WeightCurves", "fixed", "weighed", "weight_curves"]

WeightCurves = Mapping[str, Curve]
"""Class -> its weight over the run."""

_LOOKS: Final = 1000


def weight_curves(scenario: Scenario, duration: float, document: Document) -> tuple[WeightCurves, list[Problem]]:
    """The weights of all classes over a run of ``duration`` s, and what is wrong with them; none where all of them are
    numbers. Times inside the curves are scaled as the run is."""
    if all(isinstance(cls.weight, ConstantCurve) for cls in scenario.classes.values()):
        return {}, []
    time, problems, found = scenario.scale.time, list[Problem](), dict[str, Curve]()
    for name, cls in scenario.classes.items():
        path: Path = ("classes", name, "weight")
        problems += _rates(cls.weight, path, document)
        try:
            found[name] = fit(cls.weight, duration / time).scaled(time=time)
        except (ValueError, OverflowError) as error:
            problems.append(document.problem(path, str(error), "a weight is a curve over the whole run"))
    return found, problems or _nobody(scenario, found, duration, document)


def _rates(curve: CurveBase, path: Path, document: Document) -> list[Problem]:
    what, hint = "a rate is no weight", "write a plain number, {:g}"
    return [
        document.problem((*path, *below), what, hint.format(level.value))
        for below, level in curve.levels()
        if level.unit == "rate"
    ]


def _nobody(scenario: Scenario, found: WeightCurves, duration: float, document: Document) -> list[Problem]:
    """A stretch in which nobody has a weight: two looks in a row, as curves may touch 0."""
    step = duration / _LOOKS
    none = [not any(curve.rate(step * (look + 0.5)) > 0 for curve in found.values()) for look in range(_LOOKS)]
    first = next((look for look in range(_LOOKS - 1) if none[look] and none[look + 1]), None)
    if first is None:
        return []
    hint = "give at least one class a weight above 0 all along"
    return [document.problem(("classes",), f"all weights are 0 from {format_seconds(step * first)} on", hint)]


def fixed(weight: CurveBase) -> float | None:
    """A weight that never changes; None: it is a curve."""
    return weight.rate.value if isinstance(weight, ConstantCurve) else None


def weighed(plan: Plan, weights: WeightCurves) -> Plan:
    """The plan with these weights; a phase with a mix of its own keeps it. What knows of no time takes their means."""
    if not weights:
        return plan
    curves, duration = tuple(weights.items()), plan.load.duration
    return replace(
        plan,
        classes=tuple(replace(cls, weight=weights[cls.name].expected(duration) / duration) for cls in plan.classes),
        phases=tuple(each if each.weights is not None else replace(each, varying=curves) for each in plan.phases),
    )
