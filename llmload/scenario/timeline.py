"""``[load]`` resolved: phases one after the other, one curve over the whole run, and what model it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from llmload.arrivals.curves import Curve, Sequence
from llmload.arrivals.process import Gamma, Poisson, Process, Uniform
from llmload.errors import Problem
from llmload.scenario.curves import ConstantCurve, CurveBase, fit
from llmload.scenario.document import Document
from llmload.scenario.model import LoadTable, PhaseTable, ScaleTable
from llmload.scenario.plan import Load, Phase
from llmload.scenario.positions import Path
from llmload.scenario.quantities import Level

__all__ = ["WHOLE_RUN", "Timeline", "lay_out"]

WHOLE_RUN: Final = "main"
"""What the only phase is called when the scenario names none."""

_PROCESSES: Final[Mapping[str, Callable[[float], Process]]] = {
    "uniform": lambda cv: Uniform(),
    "poisson": lambda cv: Poisson(),
    "gamma": Gamma,
}
_UNITS: Final = {
    "rate": ("a plain number is a number of users", 'write it as a rate, "{:g}/s"'),
    "users": ("a rate is no number of users", "write a plain number"),
}
Kind = Literal["rate", "users"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """When calls are made, and the phases that results are cut by."""

    load: Load
    phases: tuple[Phase, ...]


@dataclass(slots=True)
class _Stage:
    """One phase while it is worked out: its curves, or the problems that kept them from being built."""

    table: PhaseTable
    path: Path
    duration: float = 0.0
    curves: dict[Kind, Curve] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(self.curves)


def lay_out(load: LoadTable, scale: ScaleTable, document: Document) -> tuple[Timeline | None, list[Problem]]:
    """The timeline, or None and the problems that stand against it."""
    problems = _conflicts(load, document)
    stages = [_stage(load, table, path, document, problems) for table, path in _tables(load)]
    problems += _mixed_models(stages, document)
    across = None if problems else _across(load, stages, document, problems)
    if problems:
        return None, problems
    try:
        timeline = _joined(load, stages, across, scale)
    except ValueError as error:
        return None, [document.problem(("load",), str(error))]
    return timeline, _nothing_to_do(timeline, document)


def _tables(load: LoadTable) -> list[tuple[PhaseTable, Path]]:
    if load.phases:
        return [(phase, ("load", "phases", index)) for index, phase in enumerate(load.phases)]
    whole = PhaseTable(name=WHOLE_RUN).model_copy(update={"duration": load.duration, "curve": load.curve})
    return [(whole, ("load",))]


def _conflicts(load: LoadTable, document: Document) -> list[Problem]:
    """Keys of ``[load]`` that don't go together."""
    phased, hint = bool(load.phases), "set load.phases = [] to do without phases"
    own = next((phase.name for phase in load.phases if phase.rate or phase.curve), None)
    rules = [
        (phased and load.duration is not None, "duration", "phases have durations of their own", hint),
        (own is not None and load.curve is not None, "curve", f"is for all phases, but {own!r} has a rate of its own",
         "let phases that share a curve only cut it, or give each its own"),
        (load.rate is not None and load.curve is not None, "curve", "has both rate and curve", "keep one of them"),
        (load.process == "gamma" and load.cv is None, "process", "gamma needs the coefficient of variation",
         "add cv = 2.0: above 1 is bursty, 1 is Poisson"),
        (load.process != "gamma" and load.cv is not None, "cv", f'means nothing with process = "{load.process}"',
         'it is for process = "gamma"'),
        (load.on_limit == "drop" and load.max_in_flight is None, "on_limit", "there is no limit to drop at",
         "set max_in_flight"),
    ]  # fmt: skip
    return [document.problem(("load", key), what, hint) for wrong, key, what, hint in rules if wrong]


def _stage(load: LoadTable, table: PhaseTable, path: Path, document: Document, problems: list[Problem]) -> _Stage:
    """Build a phase's curves; what it doesn't have itself it takes from ``[load]``."""
    stage = _Stage(table, path)
    if table.rate is not None and table.curve is not None:
        problems.append(document.problem((*path, "curve"), "has both rate and curve", "keep one of them"))
        return stage
    cuts = _cuts_a_curve(load)
    rate: Level | CurveBase | None = None if cuts else table.rate or table.curve or load.rate
    users = table.users or load.users
    spans = [curve.span() for curve in (rate, users) if isinstance(curve, CurveBase)]
    duration = next((span for span in (table.duration, *spans) if span is not None), None)
    if rate is None and users is None and not cuts:
        hint = 'give it rate = "10/s", a curve, or users = 10'
        problems.append(document.problem(path, "says nothing about how many requests to make", hint))
    elif duration is None:
        problems.append(document.problem((*path, "duration"), "is missing", 'write it like "30s" or "5m"'))
    else:
        stage.duration = duration
        _build(stage, "rate", rate, document, problems)
        _build(stage, "users", users, document, problems)
    return stage


def _build(
    stage: _Stage, kind: Kind, given: Level | CurveBase | None, document: Document, problems: list[Problem]
) -> None:
    if given is None:
        return
    own = (stage.table.curve if kind == "rate" else stage.table.users) is given
    path: Path = (*(stage.path if own else ("load",)), "curve" if kind == "rate" else "users")
    if isinstance(given, Level):
        given = ConstantCurve.model_construct(type="constant", rate=given)
    curve, wrong = _fitted(given, stage.duration, kind, path, document)
    if curve is not None:
        stage.curves[kind] = curve
    problems.extend(problem for problem in wrong if problem not in problems)


def _fitted(
    table: CurveBase, duration: float, kind: Kind, path: Path, document: Document
) -> tuple[Curve | None, list[Problem]]:
    """The curve of a table over ``duration`` seconds, and what is wrong with it."""
    wrong = _wrong_units(table, kind, path, document)
    try:
        return fit(table, duration), wrong
    except (ValueError, OverflowError) as error:
        return None, wrong or [document.problem(path, str(error))]


def _cuts_a_curve(load: LoadTable) -> bool:
    """One curve goes over all phases, which only say what its stretches are called."""
    return bool(load.phases) and load.curve is not None


def _across(load: LoadTable, stages: list[_Stage], document: Document, problems: list[Problem]) -> Curve | None:
    """The curve that the phases cut, if they do."""
    if load.curve is None or not _cuts_a_curve(load):
        return None
    curve, wrong = _fitted(load.curve, sum(stage.duration for stage in stages), "rate", ("load", "curve"), document)
    problems += wrong
    return curve


def _wrong_units(curve: CurveBase, kind: Kind, path: Path, document: Document) -> list[Problem]:
    """Levels written as a rate where users are counted, or the other way round; a plain 0 is good as both."""
    what, hint = _UNITS[kind]
    return [
        document.problem((*path, *below), what, hint.format(level.value))
        for below, level in curve.levels()
        if level.unit != kind and (level.value or level.unit == "rate")
    ]


def _mixed_models(stages: list[_Stage], document: Document) -> list[Problem]:
    """One run is open, closed or paced from beginning to end."""
    first = stages[0]
    others = [stage for stage in stages if stage.kinds and first.kinds and stage.kinds != first.kinds]
    what = f"has {{}} where the first phase has {_spelled(first.kinds)}"
    hint = "a run has the same all along: a rate, users, or both"
    return [document.problem(stage.path, what.format(_spelled(stage.kinds)), hint) for stage in others]


def _spelled(kinds: frozenset[Kind]) -> str:
    return " and ".join("a rate" if kind == "rate" else "users" for kind in sorted(kinds))


def _joined(load: LoadTable, stages: list[_Stage], across: Curve | None, scale: ScaleTable) -> Timeline:
    """Everything in one, scaled. Raises ValueError where figures are out of all bounds."""
    curves = {kind: _one([stage.curves[kind] for stage in stages]) for kind in stages[0].kinds}
    if across is not None:
        curves["rate"] = across
    rate, users = curves.get("rate"), curves.get("users")
    if rate is not None:
        rate = rate.scaled(scale.rate, scale.time)
    if users is not None:
        # Half a user would never call: however small the scale, where there were users there is one.
        factor = max(scale.rate, 1.0 / users.peak()) if users.peak() >= 1.0 else 1.0
        users = users.scaled(factor, scale.time)
    curve = users if rate is None else rate
    assert curve is not None
    requests = load.max_requests
    return Timeline(
        Load(
            model="open" if users is None else "closed" if rate is None else "paced",
            curve=curve,
            process=_PROCESSES[load.process](load.cv or 0.0),
            duration=curve.duration,
            users=None if rate is None else users,
            think=load.think,
            think_random=load.think_random,
            max_in_flight=load.max_in_flight,
            on_limit=load.on_limit,
            max_requests=None if requests is None else max(1, round(requests * scale.rate * scale.time)),
        ),
        _phases(stages, scale.time, curve.duration),
    )


def _one(parts: list[Curve]) -> Curve:
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _phases(stages: list[_Stage], time: float, end: float) -> tuple[Phase, ...]:
    """Phases edge to edge; the last ends where the curve does, whatever rounding says."""
    phases: list[Phase] = []
    start = 0.0
    for number, stage in enumerate(stages, 1):
        until = end if number == len(stages) else start + stage.duration * time
        phases.append(Phase(stage.table.name, start, until, stage.table.measure, stage.table.mix))
        start = until
    return tuple(phases)


def _nothing_to_do(timeline: Timeline, document: Document) -> list[Problem]:
    load, problems = timeline.load, []
    highest = load.curve.peak() if load.model == "closed" else load.curve.expected(load.duration)
    if highest <= 0 or (load.users is not None and load.users.peak() <= 0):
        problems.append(document.problem(("load",), "makes no requests at all: its rate or its users are always 0"))
    if not any(phase.measure for phase in timeline.phases):
        problems.append(document.problem(("load", "phases"), "nothing is measured: every phase has measure = false"))
    if load.model == "closed" and load.max_in_flight is not None:
        what = "users are their own cap: each has at most one request in flight"
        problems.append(document.problem(("load", "max_in_flight"), what, "set fewer users, or leave it out"))
    if load.model == "open" and (load.think or load.think_random):
        hint = "set users, or leave think out"
        problems.append(document.problem(("load", "think"), "only users think; this load is a rate", hint))
    return problems
