"""What kept the generator from its work, when and for how long: a bounded list that adds up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import nlargest
from typing import Any, Final, NamedTuple

__all__ = ["KEPT", "LISTED_FROM", "OF_THE_LOOP", "Cause", "Disturbance", "Disturbances"]

KEPT: Final = 20
"""Of each cause, as many of the longest are kept by themselves; the rest in the sums only."""

LISTED_FROM: Final = 10_000
"""Microseconds from which a delay is an event of its own."""


class Cause(StrEnum):
    """Why the event loop was late, or what else disturbed the machine."""

    PREEMPTED = "preempted"
    """Ready to run, but others had the CPU (the kernel's own account of it)."""
    STOLEN = "stolen"
    """The hypervisor had given the CPU away."""
    COLLECTING = "collecting"
    """Python's garbage collector held the loop."""
    BUSY = "busy"
    """The loop was at work on something else."""
    STOPPED = "stopped"
    """Neither running nor ready to run: stopped, frozen, swapped out, or blocked in a system call."""
    THROTTLED = "throttled"
    """The container's CPU quota was used up."""
    OTHERS = "others"
    """Other processes used more than half of the machine."""
    STEAL = "steal"
    """The hypervisor took more than 5 % of the machine."""
    SUSPENDED = "suspended"
    """The machine slept: its monotonic clock stood still."""
    CLOCK = "clock"
    """The wall clock was set."""


OF_THE_LOOP: Final = (Cause.PREEMPTED, Cause.STOLEN, Cause.COLLECTING, Cause.BUSY, Cause.STOPPED)
"""Those that say why an event loop was late; the others are about the machine."""


class Disturbance(NamedTuple):
    """``micros`` long (of CLOCK: how far it was set), from ``at`` microseconds after the start of the run."""

    micros: int
    at: int

    @property
    def end(self) -> int:
        """Microseconds after the start of the run."""
        return self.at + self.micros


@dataclass(slots=True)
class _Kind:
    """All of one cause; ``micros`` and ``count`` hold the short ones too, ``worst`` the longest, longest first."""

    count: int = 0
    micros: int = 0
    worst: list[Disturbance] = field(default_factory=list)

    def merge(self, other: _Kind) -> None:
        self.count += other.count
        self.micros += other.micros
        self.worst = nlargest(KEPT, [*self.worst, *other.worst])


class Disturbances:
    """By cause: how many, how long in sum, and the longest. Merging is exact, in any order."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: defaultdict[Cause, _Kind] = defaultdict(_Kind)

    def add(self, cause: Cause, at: int, micros: int) -> None:
        """Take one that began ``at`` microseconds after the start of the run; a short one is only counted."""
        listed = [Disturbance(micros, at)] if micros >= LISTED_FROM else []
        self._kinds[cause].merge(_Kind(1, micros, listed))

    def merge(self, other: Disturbances) -> None:
        """Add others."""
        for cause, kind in other._kinds.items():
            self._kinds[cause].merge(kind)

    def __iter__(self) -> Iterator[Cause]:
        """The causes there were, in the order of their declaration."""
        return (cause for cause in Cause if cause in self._kinds)

    def count(self, cause: Cause) -> int:
        """How many there were."""
        return self._kinds[cause].count if cause in self._kinds else 0

    def seconds(self, *causes: Cause) -> float:
        """How long they were in sum."""
        return sum(self._kinds[cause].micros for cause in causes if cause in self._kinds) / 1e6

    def worst(self, *causes: Cause) -> list[Disturbance]:
        """The longest of these causes, longest first."""
        found = (each for cause in causes if cause in self._kinds for each in self._kinds[cause].worst)
        return sorted(found, reverse=True)

    def to_json(self) -> list[dict[str, Any]]:
        """By cause; ``worst`` in the order of time, as [at, length], microseconds."""
        return [
            {
                "cause": cause.value,
                "count": kind.count,
                "total": kind.micros,
                "worst": sorted([each.at, each.micros] for each in kind.worst),
            }
            for cause in self
            for kind in [self._kinds[cause]]
        ]

    @classmethod
    def from_json(cls, data: Iterable[dict[str, Any]]) -> Disturbances:
        """The inverse of ``to_json``."""
        made = cls()
        for kind in data:
            worst = sorted((Disturbance(int(micros), int(at)) for at, micros in kind["worst"]), reverse=True)
            made._kinds[Cause(kind["cause"])] = _Kind(int(kind["count"]), int(kind["total"]), worst)
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Disturbances) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]
