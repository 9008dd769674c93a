"""The breaking point of a load that rises in steps, and how the target broke there.

A step is a measured phase; a climb is the longest stretch of phases none of which has a lower rate than the one before,
with at least three levels. A step is broken when more than a share of its answered calls failed or when its p99 is
beyond a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from llmload.metrics.slices import Slice
from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.units import format_rate, format_seconds, format_share

__all__ = ["ERRORS", "P99", "Breaking", "Sign", "Step", "breaking_point", "steps_of"]

ERRORS: Final = 0.10
"""Share of failed calls beyond which a step is broken, unless said otherwise."""
P99: Final = 20.0
"""Seconds beyond which the p99 of a step means that it is broken, unless said otherwise."""

_LEAST: Final = 3
"""Levels that a climb has."""
_RISE: Final = 1.05
"""Times the rate of all steps before from which one is a level of its own."""
_SHOWS: Final = 0.01
"""Share of calls from which a way of failing counts as seen."""
_SLOWER: Final = 2.0
"""Times the latency of the first step (each class's p50 against its own) from which a step counts as slow."""
_KNOWN: Final = 5
"""Good calls of a class from which its p50 is known."""

_SHED: Final = frozenset({Outcome.HTTP_429, Outcome.HTTP_503})
_CRASHED: Final = frozenset(
    {Outcome.HTTP_5XX, Outcome.CONNECT_ERROR, Outcome.PROTOCOL_ERROR, Outcome.TRUNCATED, Outcome.ERROR_EVENT}
)
_TIMED_OUT: Final = frozenset(
    {Outcome.TIMEOUT_CONNECT, Outcome.TIMEOUT_FIRST_TOKEN, Outcome.TIMEOUT_IDLE, Outcome.TIMEOUT_TOTAL}
)


@dataclass(frozen=True, slots=True)
class Step:
    """A phase of a climb. ``rate``: planned calls/s; shares are of the answered calls; times are latencies in s, of
    good calls, 0 without any."""

    name: str
    rate: float
    calls: int
    errors: float
    shed: float
    crashed: float
    timed_out: float
    p50: float
    p99: float
    typical: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    """Class -> p50 and calls, of good ones, where there are enough."""

    def slower(self, first: Step) -> float:
        """Times as slow as another step, each class against itself; 1.0 where none is known of both."""
        both = {cls: calls for cls, (_, calls) in self.typical.items() if cls in first.typical}
        ratios = {cls: math.log(self.typical[cls][0] / first.typical[cls][0]) for cls in both}
        return math.exp(sum(ratios[cls] * both[cls] for cls in both) / sum(both.values())) if both else 1.0

    def broken(self, errors: float = ERRORS, p99: float = P99) -> bool:
        """Beyond either bound, or nothing went well at all."""
        return self.errors > errors or self.p99 > p99


@dataclass(frozen=True, slots=True)
class Sign:
    """A way in which overload shows: ``kind``, the first ``step`` in which it does, and a figure ``said`` of it."""

    kind: str
    step: Step
    said: str

    def words(self) -> str:
        """ "slower from 450/s on (p50 3.1 s, 2.4x the first step's)"."""
        return f"{self.kind} from {format_rate(self.step.rate)} on ({self.said})"


@dataclass(frozen=True, slots=True)
class Breaking:
    """``held``: the highest step before the first one that ``broke``; None where the first did, or none.
    ``signs``: the ways in which overload showed, in the order in which they did."""

    steps: tuple[Step, ...]
    held: Step | None
    broke: Step | None
    signs: tuple[Sign, ...]
    bounds: tuple[float, float] = (ERRORS, P99)

    @property
    def crashed(self) -> bool:
        """Among the ways in which it failed where it broke are crashes."""
        return self.broke is not None and self.broke.crashed > _SHOWS

    @property
    def rate(self) -> float:
        """Calls/s that it held; 0 where the first step broke."""
        return self.held.rate if self.held else 0.0

    def why(self) -> str:
        """What about the step is beyond its bound."""
        assert self.broke is not None
        errors, p99 = self.bounds
        parts = [f"{format_share(self.broke.errors)} errors"] if self.broke.errors > errors else []
        parts += [f"p99 {format_seconds(self.broke.p99)}"] if self.broke.p99 > p99 else []
        return ", ".join(parts)

    def manner(self) -> str:
        """ "latency first, then load turned away (429, 503)": the signs up to where it broke, in order."""
        assert self.broke is not None
        seen = [sign for sign in self.signs if sign.step.rate <= self.broke.rate]
        groups: dict[float, list[str]] = {}
        for sign in seen:
            groups.setdefault(sign.step.rate, []).append(_MANNERS[sign.kind])
        said = [" and ".join(together) for together in groups.values()]
        return f"{said[0]} first, then {', then '.join(said[1:])}" if len(said) > 1 else said[0] if said else "at once"


def breaking_point(summary: Summary, errors: float = ERRORS, p99: float = P99) -> Breaking | None:
    """Where a climb broke, if there was one. ``errors``: share, ``p99``: s; see ``Step.broken``."""
    steps = steps_of(summary)
    if not steps:
        return None
    first = next((n for n, step in enumerate(steps) if step.broken(errors, p99)), None)
    held = steps[-1] if first is None else steps[first - 1] if first else None
    broke = None if first is None else steps[first]
    return Breaking(steps, held, broke, _signs(steps), (errors, p99))


def steps_of(summary: Summary) -> tuple[Step, ...]:
    """The longest climb; a phase in which nothing was called (yet), or that is not measured, ends one, and so does one
    that asks for other classes: two services together are not more of one."""
    best: list[Step] = []
    climb: list[Step] = []
    asked: set[str] = set()
    for info in summary.phases:
        seconds = min(info.end, summary.elapsed) - info.start
        calls = summary.select(phase=info.name)
        if seconds <= 0 or not calls.calls or not info.measure:
            climb = []
            continue
        step = _step(info.name, seconds, calls, _typical(summary, info.name))
        before, asked = asked, {key.cls for key in summary.cells if key.phase == info.name}
        goes_on = bool(climb) and asked == before and not _lower(step, climb[-1])
        climb = [*climb, step] if goes_on else [step]
        best = max(best, climb, key=_rises)
    return tuple(best) if _rises(best) >= _LEAST else ()


def _lower(step: Step, before: Step) -> bool:
    """At a lower rate, by more than the noise of random arrivals (two standard deviations of a Poisson difference)."""
    return step.rate < before.rate - 2.0 * _noise(step, before)


def _noise(step: Step, before: Step) -> float:
    return math.hypot(step.rate / math.sqrt(step.calls), before.rate / math.sqrt(before.calls))


def _rises(climb: Sequence[Step]) -> int:
    """How many levels the climb has: steps that are above all before them, and by more than noise (three standard
    deviations: phases at one rate are no climb)."""
    levels: list[Step] = []
    for step in climb:
        top = levels[-1] if levels else None
        if top is None or (step.rate >= _RISE * top.rate and step.rate > top.rate + 3.0 * _noise(step, top)):
            levels.append(step)
    return len(levels)


def _typical(summary: Summary, phase: str) -> dict[str, tuple[float, int]]:
    found = {cls: part.histogram("latency") for cls, part in summary.split("class", phase=phase).items()}
    return {cls: (each.percentile(50) / 1e6, each.count) for cls, each in found.items() if each.count >= _KNOWN}


def _step(name: str, seconds: float, calls: Slice, typical: Mapping[str, tuple[float, int]]) -> Step:
    rate = calls.calls / seconds
    answered = max(1, calls.ok + calls.errors)
    latency = calls.histogram("latency")
    shed, crashed, late = (calls.count(group) / answered for group in (_SHED, _CRASHED, _TIMED_OUT))
    p50, p99 = (latency.percentile(p) / 1e6 for p in (50, 99))
    return Step(name, rate, calls.calls, calls.error_rate, shed, crashed, late, p50, p99, typical)


def _signs(steps: Sequence[Step]) -> tuple[Sign, ...]:
    found: list[Sign] = []
    for kind, (shows, say) in _KINDS.items():
        step = next((step for step in steps if shows(step, steps[0])), None)
        if step is not None:
            found.append(Sign(kind, step, say(step, steps[0])))
    return tuple(sorted(found, key=lambda sign: sign.step.rate))


Shows = Callable[[Step, Step], bool]
Say = Callable[[Step, Step], str]

_KINDS: Final[Mapping[str, tuple[Shows, Say]]] = {
    "slower": (
        lambda step, first: step.slower(first) > _SLOWER,
        lambda step, first: f"{step.slower(first):.1f}x the first step's latency",
    ),
    "load turned away": (
        lambda step, first: step.shed > _SHOWS,
        lambda step, first: f"{format_share(step.shed)} got 429 or 503",
    ),
    "time-outs": (
        lambda step, first: step.timed_out > _SHOWS,
        lambda step, first: f"{format_share(step.timed_out)} timed out",
    ),
    "crashes": (
        lambda step, first: step.crashed > _SHOWS,
        lambda step, first: f"{format_share(step.crashed)} met crashes: other 5xx, lost connections, broken answers",
    ),
}
"""In the order in which overload usually shows, which decides between signs that come with the same step."""
_MANNERS: Final[Mapping[str, str]] = {
    "slower": "latency",
    "load turned away": "load turned away (429, 503)",
    "time-outs": "time-outs",
    "crashes": "crashes (5xx, lost connections)",
}
