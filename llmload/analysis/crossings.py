"""Every dimension of a run, and every two of them crossed: which calls have which values, and how they fared.

Dimensions are class, target, model, phase and the tags that the run is cut by. One that divides the calls as an earlier
one does (each class with a model of its own) is that one under another name. Unmeasured phases are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import CellKey, Slice, Summary
from llmload.records import Outcome

__all__ = ["METRIC", "MOST_VALUES", "Crossing", "Cut", "Group", "crossings", "cuts", "measured_cells", "timed_cells"]

METRIC: Final = "latency"
MOST_VALUES: Final = 40
"""Values of a dimension beyond which it is not crossed with others: a table of them would be read by nobody."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A dimension that took several values. ``also``: other dimensions that divide the calls just so. ``coarser``: cuts
    that it lies within: its value tells theirs (that of a class its model)."""

    name: str
    values: tuple[str, ...]
    also: tuple[str, ...] = ()
    coarser: tuple[str, ...] = ()


@dataclass(slots=True)
class Group:
    """The calls that have the same values: how many, how many the target failed, latencies (µs) of the good ones."""

    calls: int = 0
    errors: int = 0
    latency: Histogram = field(default_factory=Histogram)

    def add(self, part: Slice) -> None:
        """Count a cell's calls in."""
        self.calls += part.calls
        self.errors += part.errors
        if METRIC in part.good:
            self.latency.merge(part.good[METRIC])


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two dimensions and, by a value of each, the calls that have both."""

    of: tuple[str, str]
    groups: Mapping[tuple[str, str], Group]


def measured_cells(summary: Summary) -> Iterator[tuple[CellKey, Slice]]:
    """What the slices of measured phases are made of."""
    unmeasured = {phase.name for phase in summary.phases if not phase.measure}
    return ((key, part) for key, part in summary.cells.items() if key.phase not in unmeasured)


def timed_cells(summary: Summary) -> Iterator[tuple[CellKey, Slice]]:
    """Those of them that have latencies of work done: where all answers are refusals that were asked for (401 to an
    invalid key), their quickness tells nothing of who is served how fast."""
    return (
        (key, part) for key, part in measured_cells(summary) if METRIC in part.good and part.outcomes.get(Outcome.OK)
    )


def cuts(summary: Summary) -> tuple[Cut, ...]:
    """The dimensions with more than one value and no more than MOST_VALUES, in the order of the Summary's."""
    keys = [key for key, _ in measured_cells(summary)]
    found: dict[frozenset[frozenset[CellKey]], list[str]] = {}
    values: dict[str, tuple[str, ...]] = {}
    for name, every in summary.dimensions().items():
        parts: dict[str, set[CellKey]] = {}
        for key in keys:
            parts.setdefault(key.value(name), set()).add(key)
        values[name] = tuple(value for value in every if value in parts)
        if 2 <= len(values[name]) <= MOST_VALUES:
            found.setdefault(frozenset(map(frozenset, parts.values())), []).append(name)
    names = [first for first, *_ in found.values()]
    return tuple(
        Cut(first, values[first], tuple(also), _coarser(first, names, keys)) for first, *also in found.values()
    )


def _coarser(name: str, names: Sequence[str], keys: Sequence[CellKey]) -> tuple[str, ...]:
    own = len({key.value(name) for key in keys})
    return tuple(
        each for each in names if each != name and len({(key.value(name), key.value(each)) for key in keys}) == own
    )


def crossings(summary: Summary, of: Sequence[Cut]) -> Iterator[Crossing]:
    """Every two of these dimensions, unless one lies within the other: each of its values comes with one of the other
    then, which says nothing new. Calls that lack a value of either are left out."""
    cells = list(measured_cells(summary))
    for one, two in combinations(of, 2):
        groups = {(a, b): Group() for a in one.values for b in two.values}
        for key, part in cells:
            group = groups.get((key.value(one.name), key.value(two.name)))
            if group is not None:
                group.add(part)
        filled = {values: group for values, group in groups.items() if group.calls}
        if len(filled) > max(len({a for a, _ in filled}), len({b for _, b in filled})):
            yield Crossing((one.name, two.name), filled)
