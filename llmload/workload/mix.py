"""Which class a call belongs to: weights, and what share of all calls each comes to."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmload.workload.spec import RequestClass

__all__ = ["choose", "position_in", "shares"]


def position_in(own: tuple[tuple[str, float], ...], position: float) -> int:
    """Which of ``own`` (name, weight) has ``position`` (0 to 1, 1 excluded) in its share."""
    return bisect_right(_bounds(own, None), position)


def shares(classes: Sequence[RequestClass], weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """Each class's share of the calls; they sum to 1.

    ``weights`` (a phase's mix) stand in for the classes' own; a class they don't name gets nothing.
    ValueError for a name that no class has, a weight below 0, or weights that are all 0.
    """
    own = tuple((cls.name, cls.weight) for cls in classes)
    bounds = _bounds(own, None if weights is None else tuple(weights.items()))
    return {cls.name: high - low for cls, low, high in zip(classes, (0.0, *bounds), bounds, strict=False)}


def choose(own: tuple[tuple[str, float], ...], position: float, weights: Mapping[str, float] | None = None) -> int:
    """Which of the classes ``own`` (name, weight) has ``position`` (0 to 1, 1 excluded) in its share."""
    return bisect_right(_bounds(own, None if weights is None else tuple(weights.items())), position)


@lru_cache(maxsize=256)
def _bounds(own: tuple[tuple[str, float], ...], instead: tuple[tuple[str, float], ...] | None) -> tuple[float, ...]:
    """Where each class's share ends, the shares laid end to end from 0 to 1."""
    given = dict(own if instead is None else instead)
    names = [name for name, _ in own]
    if unknown := [name for name in given if name not in names]:
        raise ValueError(f"the mix names {unknown[0]!r}, but the classes are {', '.join(names)}")
    weights = [given.get(name, 0.0) for name in names]
    ends = list(accumulate(weights, initial=0.0))[1:]
    if min(weights, default=0.0) < 0.0 or not ends or not 0.0 < ends[-1] < math.inf:
        raise ValueError("the weights of a mix must be 0 or more, and at least one of them above 0")
    # Divided by the last of themselves (not by ``sum``, which may round otherwise), they end at exactly 1.
    return tuple(end / ends[-1] for end in ends)
