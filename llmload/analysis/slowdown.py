"""Interference: how much slower each service is beside others than alone.

A service is a request class or, where the run is cut by the tag ``service``, all classes with the same value of it. A
phase in which one service alone was asked is what its latency is held against in every phase in which others were asked
too. Figures, their errors and the interval of their ratio are those of comparisons (``analysis.side``,
``analysis.difference``): the bootstrap over blocks of windows where a phase has windows enough, call by call where it
has not. The two phases lie apart in time, so their errors are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from llmload.analysis.difference import Difference, Effect, difference
from llmload.analysis.figure import Figure
from llmload.analysis.side import Side
from llmload.metrics.summary import PhaseInfo, Summary

__all__ = ["BOUND", "FIGURES", "SERVICE", "Slowdown", "slowdowns"]

SERVICE: Final = "service"
BOUND: Final = 1.2
"""Times as slow from which a service is said to be slowed."""
FIGURES: Final = ("p50", "p95")
_EFFECT: Final = Effect(BOUND - 1)
_SAME_LOAD: Final = 1.1
"""Times the load of its own up to which a service is as loaded as it was alone."""


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A service beside ``others`` in a phase, against the phase in which it was ``alone``. ``load``: its own rate of
    calls there by that alone. ``figures``: p50 and p95 of latency (s) alone (a) and beside the others (b)."""

    service: str
    others: tuple[str, ...]
    phase: str
    alone: str
    load: float
    figures: Mapping[str, Difference]

    @property
    def comparable(self) -> bool:
        """Whether its own load is no higher than it was alone: else that may be the reason."""
        return self.load <= _SAME_LOAD

    def ratio(self) -> float:
        """How many times as slow the median is."""
        return self.figures["p50"].ratio or 1.0

    def slowed(self) -> bool:
        """The median is beyond the bound, the whole interval of it."""
        return self.figures["p50"].interval[0] > BOUND

    def spared(self) -> bool:
        """The whole interval of the median is within the bound."""
        return self.figures["p50"].interval[1] < BOUND


def slowdowns(summary: Summary) -> tuple[Slowdown, ...]:
    """Of every service that was alone in one measured phase and beside others in another, in the order of the run; of
    several phases alone, the first counts."""
    of_class = _services(summary)
    ended = [info for info in summary.phases if info.measure and min(info.end, summary.elapsed) > info.start]
    active = {info.name: _active(summary, info, of_class) for info in ended}
    alone: dict[str, PhaseInfo] = {}
    for info in ended:
        if len(active[info.name]) == 1:
            alone.setdefault(active[info.name][0], info)
    found: list[Slowdown] = []
    for info in ended:
        for service in active[info.name] if len(active[info.name]) > 1 else ():
            if service in alone:
                classes = {cls for cls, of in of_class.items() if of == service}
                parts = [_part(summary, phase, classes) for phase in (alone[service], info)]
                if figures := _figures(parts):
                    others = tuple(each for each in active[info.name] if each != service)
                    load = _rate(parts[1]) / _rate(parts[0])
                    found.append(Slowdown(service, others, info.name, alone[service].name, load, figures))
    return tuple(found)


def _services(summary: Summary) -> dict[str, str]:
    """Class -> service: the value of the tag, if all calls of the class have the same; else its own name."""
    tagged: dict[str, set[str]] = {}
    for key in summary.cells:
        tagged.setdefault(key.cls, set()).add(key.value(SERVICE))
    return {cls: next(iter(values)) or cls if len(values) == 1 else cls for cls, values in tagged.items()}


def _active(summary: Summary, info: PhaseInfo, of_class: Mapping[str, str]) -> list[str]:
    return sorted({of_class[key.cls] for key, part in summary.cells.items() if key.phase == info.name and part.calls})


def _figures(parts: Sequence[Summary]) -> dict[str, Difference]:
    """Alone against beside others; empty where there are no good calls in one of the two."""
    sides, found = [Side([part]) for part in parts], {}
    for name in FIGURES:
        a, b = (side.estimate(Figure("latency", name), None, 0.95, runs=False) for side in sides)
        if a is None or b is None:
            return {}
        found[name] = difference(a, b, _EFFECT)
    return found


def _rate(part: Summary) -> float:
    (info,) = part.phases
    return sum(cell.calls for cell in part.cells.values()) / (min(info.end, part.elapsed) - info.start)


def _part(summary: Summary, info: PhaseInfo, classes: set[str]) -> Summary:
    """What was measured of these classes in one phase."""
    return Summary(
        start=summary.start,
        elapsed=summary.elapsed,
        phases=(info,),
        cells={key: cell for key, cell in summary.cells.items() if key.phase == info.name and key.cls in classes},
        windows={
            number: {cls: window for cls, window in by_class.items() if cls in classes}
            for number, by_class in summary.windows.items()
        },
        window_seconds=summary.window_seconds,
    )
