"""How many workers a run gets when nobody says, and what its load won't find room for. Pure.

What a worker can do is told by a ``Capacity``: this machine's own where it has been calibrated, else the usual one. A
worker is filled to ``FULL`` of its ceiling at the planned peak: beyond that, what arrives waits for what came before
it, and is stamped late. Where the embedded simulator is the target, it keeps a core to itself; so does the parent,
where there are three or more (it folds what workers send, and gives way to them where it must share).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmload.calibration.outlook import planned_pace
from llmload.metrics.precision import DEFAULT_CAPACITY, FULL, Capacity, Pace
from llmload.records import Api
from llmload.room import Room
from llmload.scenario.plan import Plan
from llmload.units import format_count, format_rate, format_seconds
from llmload.workload.mix import shares
from llmload.workload.spec import RequestClass
from llmload.workload.workload import expected_tokens

__all__ = [
    "FIRST_SECONDS",
    "TOKEN_SECONDS",
    "Crew",
    "asked",
    "choose",
    "connections",
    "expected_pace",
    "places",
    "shortages",
]

FIRST_SECONDS: Final = 0.2
TOKEN_SECONDS: Final = 0.02
"""How long answers are taken to last where a plan depends on it: so long, and so long for each token of output."""

_WRITTEN: Final = frozenset({Api.CHAT, Api.COMPLETIONS})
_MOST_WORKERS: Final = 64
_SPARE: Final = 64
"""File descriptors a process has open besides connections."""
_AHEAD_SECONDS: Final = 2.0
"""Connections are opened before the run for so many seconds of the peak."""


@dataclass(frozen=True, slots=True)
class Crew:
    """``workers``: how many. ``why``: in words, for people. ``wanted``: how many the load would take if there were
    room; more than ``workers`` means that the figures will suffer."""

    workers: int
    why: str
    wanted: int


def choose(plan: Plan, cores: int, capacity: Capacity | None = None) -> Crew:
    """How many workers ``plan`` gets on a machine of so many cores. ``capacity``: of one worker, at its ceiling."""
    need, wanted = _need(plan, capacity or DEFAULT_CAPACITY)
    most, taken = _places(plan, cores)
    shared = min(wanted, _sharers(plan))
    workers = min(shared, most)
    if workers == shared:
        return Crew(workers, f"{_counted(workers)}: {need}; workers are filled to {FULL:.0%} of it", workers)
    return Crew(workers, f"{_counted(workers)}, all that this machine has room for ({taken}): {need}", shared)


def asked(plan: Plan, workers: int, cores: int, capacity: Capacity | None = None) -> Crew:
    """``workers`` as someone asked for, and what they make of the load of ``plan``."""
    need, wanted = _need(plan, capacity or DEFAULT_CAPACITY)
    why = f"{_counted(workers)}, as asked for: {need}"
    if workers > cores:
        why += f"; there are more workers than cores ({cores}), so they wait for each other"
    return Crew(workers, why, min(wanted, _sharers(plan)))


def places(plan: Plan, cores: int) -> int:
    """How many workers ``plan`` can have on a machine of so many cores."""
    return min(_places(plan, cores)[0], _sharers(plan))


def _need(plan: Plan, capacity: Capacity) -> tuple[str, int]:
    """What the peak takes of a worker, in words, and how many workers that makes."""
    pace = expected_pace(plan)
    return f"the peak of {_spoken(pace)} takes {_ceilings(capacity.share(pace))}", capacity.workers(pace)


def expected_pace(plan: Plan) -> Pace:
    """Calls and events per second at the planned peak; a guess in the closed model, where answers decide."""
    planned = planned_pace(plan)
    if planned is not None:
        return planned
    mix = shares(plan.classes, None)
    lasting = plan.load.think + sum(mix[cls.name] * seconds for cls, seconds in _answers(plan))
    calls = plan.load.curve.peak() / lasting
    return Pace(calls, calls * sum(mix[cls.name] * expected_tokens(cls)[1] for cls in plan.classes if cls.stream))


def connections(plan: Plan) -> float:
    """How many are open at once at the peak, as far as a plan can tell: as many as calls in flight, or opened ahead."""
    load = plan.load
    if load.model == "closed":
        return load.curve.peak()
    mix = shares(plan.classes, None)
    lasting = sum(mix[cls.name] * seconds for cls, seconds in _answers(plan))
    cap = math.inf if load.max_in_flight is None else load.max_in_flight
    users = math.inf if load.users is None else load.users.peak()
    return min(load.curve.peak() * max(lasting, _AHEAD_SECONDS), cap, users)


def shortages(plan: Plan, workers: int, room: Room) -> Iterator[str]:
    """What to know before the run: that its connections won't fit into what this machine has."""
    count = connections(plan)
    lasting = "" if plan.load.model == "closed" else f", if answers last as long as planned for ({_assumed()})"
    load = f"about {format_count(count)} connections open at once{lasting}"
    each = count / workers + _SPARE
    if each > room.descriptors:
        crew = "the worker may have" if workers == 1 else f"each of {workers} workers may have"
        remedy = f"raise the hard limit (ulimit -Hn {_round_up(each)}), or set max_in_flight"
        yield f"{load}: {crew} {room.descriptors:,} file descriptors; {remedy}"
    elif _simulated(plan) and count + _SPARE > room.descriptors:
        remedy = f"raise the hard limit (ulimit -Hn {_round_up(count + _SPARE)})"
        yield f"{load}: the simulator may have {room.descriptors:,} file descriptors; {remedy}"
    if count / len(plan.targets) > room.ports:
        split = "" if _simulated(plan) else ", split the load over more machines"
        remedy = f"widen net.ipv4.ip_local_port_range{split}, or set max_in_flight"
        yield f"{load}: this machine has {room.ports:,} local ports towards a target; {remedy}"


def _assumed() -> str:
    return f"{format_seconds(FIRST_SECONDS)}, and {format_seconds(TOKEN_SECONDS)} for each token"


def _answers(plan: Plan) -> Iterator[tuple[RequestClass, float]]:
    """Each class, and the seconds that its answer is taken to last."""
    for cls in plan.classes:
        yield cls, FIRST_SECONDS + (TOKEN_SECONDS * expected_tokens(cls)[1] if cls.api in _WRITTEN else 0.0)


def _places(plan: Plan, cores: int) -> tuple[int, str]:
    """How many workers have a core of their own, and who has the others."""
    taken = ["the simulator"] * _simulated(plan) + ["the parent"] * (cores > 2)
    most = max(1, min(cores - len(taken), _MOST_WORKERS))
    said = f"{cores} core{'s' * (cores > 1)}"
    less = " and ".join(f"one for {who}" for who in taken)
    return most, f"{said}, less {less}" if taken and cores > 1 else said


def _sharers(plan: Plan) -> int:
    """How many workers can share the caps of the load: each needs a place."""
    load = plan.load
    users = load.curve if load.model == "closed" else load.users
    caps = [load.max_in_flight, None if users is None else math.floor(users.peak() + 0.5)]
    return max(1, min([_MOST_WORKERS, *(cap for cap in caps if cap is not None)]))


def _simulated(plan: Plan) -> bool:
    return any(target.base_url.startswith("sim:") for target in plan.targets)


def _spoken(pace: Pace) -> str:
    return format_rate(pace.calls) + (f" and {format_count(pace.events)} events/s" if pace.events else "")


def _ceilings(share: float) -> str:
    whole = "what one worker can do (its ceiling)"
    if share < 0.995:
        return f"{max(share, 0.001):.1%} of {whole}" if share < 0.0995 else f"{share:.0%} of {whole}"
    return f"{share:.1f} times {whole}"


def _counted(workers: int) -> str:
    return f"{workers} worker{'s' * (workers > 1)}"


def _round_up(descriptors: float) -> int:
    return 1 << math.ceil(math.log2(descriptors))
