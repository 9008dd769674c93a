"""Two figures against each other: how far B is from A, how sure that is, and what it means.

The sides are independent, so errors add up as squares: downwards, what B may be less and A more. For symmetric errors
that is Welch's interval with Satterthwaite's degrees of freedom (B. L. Welch, The generalization of "Student's" problem
when several different population variances are involved, 1947); for others the method of variance estimates recovery
(G. Y. Zou and A. Donner, Construction of confidence limits about effect measures, 2008).

With many figures some would look worse by chance. What accuses is therefore corrected for their number, by S. Holm, A
simple sequentially rejective multiple test procedure, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

from llmload.analysis import student
from llmload.analysis.estimate import Estimate

__all__ = ["Change", "Difference", "Effect", "difference", "holm"]

_POWER: Final = 0.84
"""Of the normal distribution: a difference that is as large as it looks is then found 8 times in 10."""
_FEW: Final = 0.05
"""The share of the minimum effect below which distances from it are not told apart by more calls."""


class Change(StrEnum):
    """What became of a figure from A to B."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    """Whatever the difference is, it is less than the minimum effect."""
    UNCLEAR = "can't say"


@dataclass(frozen=True, slots=True)
class Effect:
    """What matters: B is worse from ``size`` on. ``log``: a share of A's figure (0.2: 20 %), compared by ratio; if
    not, a difference in the figure's own unit. ``better``: which way is."""

    size: float
    better: Literal["lower", "higher"] = "lower"
    log: bool = True

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest change that is still the same, on the figure's scale."""
        if not self.log:
            return -self.size, self.size
        return math.log(1 - self.size) if self.size < 1 else -math.inf, math.log(1 + self.size)


@dataclass(frozen=True, slots=True)
class Difference:
    """B against A. ``difference`` is B - A, ``ratio`` B / A (None where A is 0 or shares are compared), ``interval`` of
    the ratio, or of the difference where there is no ratio; an end is infinite or 0 where a sample doesn't reach.

    ``worse``: the probability that B is worse at all, given the data and no prior knowledge. ``needed``: how many times
    the calls (windows, runs) of both sides would tell; 0 where nothing is left to be told, infinite if more of the same
    would not.
    """

    a: Estimate
    b: Estimate
    effect: Effect
    confidence: float
    difference: float
    ratio: float | None
    interval: tuple[float, float]
    worse: float
    change: Change
    needed: float = 0.0

    @property
    def told(self) -> bool:
        """Whether there is any interval: one end at least."""
        low, high = self.interval
        return math.isfinite(high) or (low > 0 if self.effect.log else math.isfinite(low))


def difference(a: Estimate, b: Estimate, effect: Effect, confidence: float = 0.95) -> Difference:
    """Compare one figure of two sides. NaN and 0 where a logarithm is needed give Change.UNCLEAR."""
    log = effect.log
    if not (math.isfinite(a.value) and math.isfinite(b.value)) or (log and min(a.value, b.value) <= 0):
        nothing = (0.0, math.inf) if log else (-math.inf, math.inf)
        return Difference(a, b, effect, confidence, b.value - a.value, None, nothing, 0.5, Change.UNCLEAR, math.inf)
    distance = math.log(b.value / a.value) if log else b.value - a.value
    down, free_down = _joined(b.below, a.above, a, b)
    up, free_up = _joined(b.above, a.below, a, b)
    share = (1 + confidence) / 2
    ends = distance - student.quantile(share, free_down) * down, distance + student.quantile(share, free_up) * up
    if not log:
        ends = _possible(ends, a.value, b.value)
    higher = _probability(distance, *((down, free_down) if distance > 0 else (up, free_up)))
    made = Difference(
        a, b, effect, confidence,
        difference=b.value - a.value,
        ratio=b.value / a.value if log else None,
        interval=(_exp(ends[0]), _exp(ends[1])) if log else ends,
        worse=higher if effect.better == "lower" else 1 - higher,
        change=_change(distance, ends, effect),
    )  # fmt: skip
    if made.change is not Change.UNCLEAR:
        return made
    return replace(
        made, needed=_needed(distance, max(down, up), student.quantile(share, min(free_down, free_up)), effect)
    )


def holm(found: Sequence[Difference]) -> list[Difference]:
    """The same, but that they are worse or better only where that is sure for all of them together: with the confidence
    asked for, not one of the changes named is none at all."""
    told = [n for n, each in enumerate(found) if each.told]
    doubts = sorted((min(found[n].worse, 1 - found[n].worse), n) for n in told)
    kept, sure = list(found), True
    for place, (doubt, n) in enumerate(doubts):
        each = found[n]
        sure = sure and doubt <= (1 - each.confidence) / 2 / (len(told) - place)
        if not sure and each.change in (Change.BETTER, Change.WORSE):
            kept[n] = replace(each, change=Change.UNCLEAR, needed=_needed_by_all(each, len(told)))
    return kept


def _needed_by_all(each: Difference, found: int) -> float:
    """How many times as many, to be as sure of one as ``found`` together ask for."""
    distance = math.log(each.ratio) if each.ratio else each.difference
    a, b = each.a, each.b
    error, freedom = _joined(b.below, a.above, a, b) if distance > 0 else _joined(b.above, a.below, a, b)
    t = student.quantile(1 - (1 - each.confidence) / 2 / found, freedom)
    return max((error * (t + _POWER) / distance) ** 2, 1.0)


def _joined(of_b: float, of_a: float, a: Estimate, b: Estimate) -> tuple[float, float]:
    """The standard error of the difference in one direction, and its degrees of freedom (Satterthwaite's)."""
    error = math.hypot(of_a, of_b)
    if not error or math.isinf(error):
        return error, min(a.freedom, b.freedom)
    under = of_a**4 / a.freedom + of_b**4 / b.freedom
    return error, error**4 / under if under else math.inf


def _possible(ends: tuple[float, float], a: float, b: float) -> tuple[float, float]:
    """The ends of an interval of B - A, no further out than where the limits of both shares are 0 and 1, which no share
    is beyond. Infinite ends, which a sample doesn't reach, stay so."""
    down, up = math.hypot(b, 1 - a), math.hypot(1 - b, a)
    low, high = ends
    return max(low, b - a - down) if math.isfinite(low) else low, min(high, b - a + up) if math.isfinite(high) else high


def _probability(distance: float, error: float, freedom: float) -> float:
    """That the true difference is above 0."""
    if not error:
        return 0.5 if not distance else float(distance > 0)
    return student.at_most(distance / error, freedom)


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)


def _change(distance: float, ends: tuple[float, float], effect: Effect) -> Change:
    low, high = effect.bounds
    more, less = (Change.WORSE, Change.BETTER) if effect.better == "lower" else (Change.BETTER, Change.WORSE)
    if low < ends[0] and ends[1] < high:
        return Change.SAME
    if distance >= high and ends[0] > 0:
        return more
    if distance <= low and ends[1] < 0:
        return less
    return Change.UNCLEAR


def _needed(distance: float, error: float, t: float, effect: Effect) -> float:
    """How many times as many, for the difference that is seen to be told from none, or from the minimum effect."""
    low, high = effect.bounds
    bound = high if distance >= 0 else low
    if math.isinf(error) or math.isinf(bound):
        return math.inf
    beyond = abs(distance) >= abs(bound)
    way = abs(distance) if beyond else max(abs(bound) - abs(distance), _FEW * abs(bound))
    return max((error * (t + _POWER) / way) ** 2, 1.0) if way else math.inf
