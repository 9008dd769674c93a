"""The embedded simulator's settings for a run."""

from __future__ import annotations

from collections.abc import Sequence

from llmload.scenario.model import Scenario
from llmload.sim.faults import Creep
from llmload.sim.spec import Fault, SimSpec
from llmload.workload.spec import RequestClass

__all__ = ["simulator"]

_WINDOW = ("start", "stop", "every", "duration")
"""A fault's times on the run's own time line."""
_NOT_FOUND = 404


def simulator(scenario: Scenario, classes: Sequence[RequestClass]) -> SimSpec:
    """``[sim]``, fitted to the run: it serves the models that the scenario asks for unless it says which it
    has, and the windows of its faults shrink with the time line; what creeps does so as much faster."""
    spec = scenario.sim or SimSpec()
    changes: dict[str, object] = {}
    if "models" not in spec.model_fields_set:
        asked = (cls.model for cls in classes if cls.model and _NOT_FOUND not in cls.expect_status)
        changes["models"] = tuple(dict.fromkeys((*spec.models, *asked, *_models(classes))))
    if scenario.scale.time != 1.0:
        changes["faults"] = tuple(_shrunk(fault, scenario.scale.time) for fault in spec.faults)
    return spec.model_copy(update=changes)


def _models(classes: Sequence[RequestClass]) -> list[str]:
    """Those that values of dimensions ask for in place of the class's."""
    values = [value for cls in classes for dimension in cls.dimensions for value in dimension.values]
    return [value.model for value in values if value.model and _NOT_FOUND not in value.expect_status]


def _shrunk(fault: Fault, time: float) -> Fault:
    moved = {name: value * time for name in _WINDOW if (value := getattr(fault, name)) is not None}
    if isinstance(fault, Creep):
        moved |= {"first": fault.first / time, "token": fault.token / time}
    return fault.model_copy(update=moved)
