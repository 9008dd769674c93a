"""Plans of one constant load each, made of a scenario's: what the steps of a search run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final

from llmload.arrivals.curves import Constant
from llmload.errors import UsageError
from llmload.scenario.overrides import split_key
from llmload.scenario.plan import Budget, Load, Phase, Plan, Seeds
from llmload.scenario.suggest import nearest
from llmload.units import parse_rate
from llmload.verdict import measures
from llmload.verdict.kinds import Kind
from llmload.verdict.objectives import Objective
from llmload.verdict.sureness import unfit

__all__ = ["RATE", "STEP", "USERS", "WARM_UP", "Levels", "Written", "fit_objectives", "key_of", "meant_key", "written"]

RATE: Final = "load.rate"
USERS: Final = "load.users"
WARM_UP: Final = "warm-up"
STEP: Final = "step"
_SEEDS_APART: Final = 1000
_ENOUGH: Final = 2.0
"""Times as many calls as the percentiles of the objectives need at least: calls of a busy second are alike."""
_WAITS: Final = ("ttft", "ttfo", "latency")
"""Metrics that a queue in front of the target adds to."""
_SURPLUS: Final = 1.5
_CENTS: Final = 1e-6
"""Dollars that are as good as none; a budget of 0 would be none at all."""
_PER_CHUNK: Final = ("itl", "itl_token")
"""Metrics of which one call gives many values."""


@dataclass(frozen=True)
class Levels:
    """How steps are made: ``base`` has the objectives and everything but the load. Times in s: ``warm_up`` is left out
    of the figures, ``hold`` is measured at least, ``longest`` at most. ``precision``: of the search. ``compiled``: the
    scenario with another value at ``key``, where that is not the load itself."""

    base: Plan
    key: str
    warm_up: float
    hold: float
    longest: float
    precision: float = 0.05
    compiled: Callable[[float], Plan] | None = None

    def plan(self, value: float, number: int, pace: float, spent: float = 0.0) -> Plan:
        """Step ``number``; ``pace``: the calls/s to expect, 0 if nobody knows; ``spent``: dollars, by the steps before.
        Every step has seeds of its own: other arrivals, other prompts."""
        made = self.base if self.compiled is None else self.compiled(value)
        level = value if self.compiled is None else made.load.curve.peak()
        seconds = self.warm_up + self.measured(pace)
        return replace(
            made,
            load=_constant(made.load, level, seconds, capped=self.key == USERS),
            phases=(Phase(WARM_UP, 0.0, self.warm_up, measure=False), Phase(STEP, self.warm_up, seconds)),
            objectives=self.base.objectives,
            budget=_left(made.budget, spent),
            seeds=_shifted(made.seeds, number * _SEEDS_APART),
        )

    def outlook(self, value: float, steps: int) -> Plan:
        """A plan that costs about what the search may: so many steps, all of them at the first ``value``."""
        first = self.plan(value, 0, value)
        seconds = first.load.duration * steps
        load = _constant(first.load, first.load.curve.peak(), seconds, capped=False)
        return replace(first, load=load, phases=(Phase(STEP, 0.0, seconds),))

    @property
    def settling(self) -> float:
        """Seconds that a load must last for overload by the precision to show: a queue that is fed a share p more than
        is served makes calls wait for p times as long as that has lasted."""
        waits = [each.value for each in self.base.objectives if each.metric in _WAITS and each.kind is Kind.DURATION]
        return min(_SURPLUS * max(waits, default=0.0) / self.precision, self.warm_up + self.longest)

    def measured(self, pace: float) -> float:
        """Seconds for samples enough for the percentiles of the objectives, and for overload to show, within bounds."""
        sides = [side for objective in self.base.objectives for side in objective.sides]
        needed = max((self._calls(side) for side in sides), default=0.0)
        wanted = max(self.settling - self.warm_up, needed / pace if pace > 0 else 0.0)
        return float(ceil(min(max(self.hold, wanted), self.longest)))

    def _calls(self, side: Objective) -> float:
        """Of all classes, so that the figure has its samples."""
        if side.percentile is None or side.metric in _PER_CHUNK:
            return 0.0
        total = sum(cls.weight for cls in self.base.classes)
        name = dict(side.where).get("class")
        weight = next((cls.weight for cls in self.base.classes if cls.name == name), total)
        return _ENOUGH * measures.samples_needed(side.percentile) * total / weight if weight else 0.0


def key_of(plan: Plan, given: str | None) -> str:
    """What is searched over: what was ``given``, else the scenario's rate or users. Raises UsageError."""
    if plan.load.replay is not None:
        raise UsageError("a trace has a pace of its own: search needs a scenario with load.rate or load.users")
    model = plan.load.model
    key = ".".join(split_key(given)) if given is not None else USERS if model == "closed" else RATE
    if (key == RATE and model == "closed") or (key == USERS and model == "open"):
        other = USERS if key == RATE else RATE
        raise UsageError(f"--key: the load of this scenario is not made by {key}; search over {other}")
    return key


def fit_objectives(plan: Plan, spare: Objective | None = None) -> tuple[Plan, list[str]]:
    """``plan`` with the objectives that a constant load can be asked for, none of which ends a step; and why the others
    are left out. Where none is left ``spare`` stands in; without one, raises UsageError."""
    left_out = {objective: why for objective in plan.objectives if (why := unfit(objective))}
    kept = tuple(replace(each, abort=False) for each in plan.objectives if each not in left_out)
    said = [f"{objective.rule}: {why}" for objective, why in left_out.items()]
    if not kept and spare is not None:
        kept = (spare,)
    if not kept:
        why = f" ({'; '.join(said)})" if said else ""
        raise UsageError(f"no objective says what is to hold{why}; give one: --fail-on 'ttft.p95<500ms'")
    return replace(plan, objectives=kept), said


@dataclass(frozen=True, slots=True)
class Written:
    """The number that a scenario has at the key; ``whole``: an integer; ``unit``: what is written behind it."""

    value: float
    whole: bool = False
    unit: str = ""

    def spelled(self, value: float) -> str:
        """Another value, as a scenario has it."""
        return f"{round(value)}" if self.whole else f"{value!r}{self.unit}"


def written(data: Any, key: str) -> Written | None:
    """What a scenario has at ``key``; None where it has nothing. Raises UsageError for what is not a number."""
    node = data
    for part in split_key(key):
        found = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            found = node[int(part)]
        node = found
    if isinstance(node, (int, float)) and not isinstance(node, bool) and node > 0:
        return Written(float(node), whole=isinstance(node, int))
    if isinstance(node, str):
        try:
            return Written(parse_rate(node), unit="/s")
        except ValueError:
            pass
    if node is None:
        return None
    raise UsageError(f"--key: {key} is {str(node)[:60]!r} in the scenario: search needs a number above 0")


def meant_key(plan: Plan, key: str) -> str:
    """ "did you mean load.rate?", where the first part of ``key`` that a scenario has not is near one that it has."""
    node: Any = plan.source
    parts = split_key(key)
    for number, part in enumerate(parts):
        if not isinstance(node, dict):
            break
        if part not in node:
            near = nearest(part, node)
            return f"did you mean {'.'.join([*parts[:number], near, *parts[number + 1 :]])}?" if near else ""
        node = node[part]
    return ""


def _constant(load: Load, level: float, seconds: float, capped: bool) -> Load:
    """``capped``: of paced users, their number is meant, not their rate."""
    rate, users = level, load.users.peak() if load.users is not None else None
    if capped and users is not None:
        rate, users = load.curve.peak(), level
    return replace(
        load,
        curve=Constant(rate, seconds),
        duration=seconds,
        users=None if users is None else Constant(users, seconds),
        max_requests=None,
    )


def _left(budget: Budget, spent: float) -> Budget:
    return replace(budget, stop=max(budget.stop - spent, _CENTS)) if budget.stop else budget


def _shifted(seeds: Seeds, by: int) -> Seeds:
    return Seeds(seeds.arrivals + by, seeds.mix + by, seeds.prompts + by)
