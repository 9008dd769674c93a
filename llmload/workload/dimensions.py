"""Named cuts of the traffic: who asks, from where, how urgently. Each call gets one value of each dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmload.draws import mix, unit
from llmload.workload.mix import position_in

__all__ = ["Crossing", "Cut", "Dimension", "Value", "Weights"]

Weights = Mapping[str, Mapping[str, float]]
"""Dimension -> value -> weight, of a stretch of time."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a dimension, and what it makes of a call: more ``headers`` and ``params``, another ``model``, the
    credential ``key``, statuses that are right for it. ``classes``: those it is for; () is all."""

    name: str
    weight: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    model: str = ""
    expect_status: frozenset[int] = frozenset()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dimension:
    """A name and the values; ``stream``: a number, the same for the same name in every process, for drawing."""

    name: str
    values: tuple[Value, ...]
    stream: int

    @property
    def own(self) -> tuple[tuple[str, float], ...]:
        """Value -> weight."""
        return tuple((value.name, value.weight) for value in self.values)


@dataclass(frozen=True, slots=True)
class Cut:
    """One value of each dimension, and what they make of a call together. ``headers`` and ``params`` are those of the
    class too, as one object for all calls of the cut."""

    tags: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    params: Mapping[str, Any]
    key: str
    model: str
    expect_status: frozenset[int]


class Crossing:
    """All dimensions of one class, crossed."""

    def __init__(self, dimensions: Sequence[Dimension], cls: Cut) -> None:
        self._dimensions = tuple(dimensions)
        self._cls = cls
        self._cuts: dict[tuple[int, ...], Cut] = {}

    def draw(self, seed: int, index: int, stream: int, weights: Weights | None) -> Cut:
        """The cut of call ``index``: each dimension is drawn by itself."""
        places = tuple(
            position_in(_own(one, weights), unit(mix(seed, one.stream), index, stream)) for one in self._dimensions
        )
        cut = self._cuts.get(places)
        if cut is None:
            chosen = [(one.name, one.values[place]) for one, place in zip(self._dimensions, places, strict=True)]
            cut = self._cuts[places] = _joined(self._cls, chosen)
        return cut


def _own(one: Dimension, weights: Weights | None) -> tuple[tuple[str, float], ...]:
    instead = None if weights is None else weights.get(one.name)
    own = tuple((value.name, instead.get(value.name, 0.0)) for value in one.values) if instead else one.own
    return own if any(weight for _, weight in own) else one.own  # (named are none of those that are for this class)


def _joined(cls: Cut, chosen: Sequence[tuple[str, Value]]) -> Cut:
    """What the values make of a call of the class; of two that set the same thing, the later one does."""
    headers = [value.headers for _, value in chosen if value.headers]
    params = [value.params for _, value in chosen if value.params]
    return Cut(
        tags=(*cls.tags, *((name, value.name) for name, value in chosen)),
        headers=_together(cls.headers, headers),
        params=_together(cls.params, params),
        key=next((value.key for _, value in reversed(chosen) if value.key), cls.key),
        model=next((value.model for _, value in reversed(chosen) if value.model), cls.model),
        expect_status=cls.expect_status.union(*(value.expect_status for _, value in chosen)),
    )


def _together(own: Mapping[str, Any], more: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The same object where nothing is added, so that it shows at once."""
    if not more:
        return own
    made = dict(own)
    for each in more:
        made.update(each)
    return made
