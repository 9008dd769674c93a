"""The search for a capacity: which value to try next, and what is known of the highest one that holds. Pure, no I/O.

Theory of operation. A step tries one value (a rate, users ...) and tells a ``Reading``: how far beyond its bound the
worst objective was (``score``, on a scale on which it is about linear, negative within the bound) and the standard
error of that. Doubling (or halving) from a start brackets the capacity. From then on all that is known is a
distribution over the capacity's logarithm, made anew from all steps by Bayes' rule, and the next value is its median:
probabilistic bisection, which with sure answers is plain bisection, and which recovers from an answer that noise
turned round. It ends when the central 95 % lie within the wished precision.

The likelihood of a reading, given a capacity c: close to c the score is slope * (x - c), x the logarithm of the value
tried, with a normal error. A reading of more than ``SURE`` standard errors says only on which side c is and that the
score there is beyond that (a censored observation), so that what curves do far from c plays no part. The slope is
unknown (log-uniform prior), the standard errors may be too small by an unknown factor (``_UNDERRATED``), and one
reading in ``1 / _STRAY`` may have nothing to do with the capacity at all. Before any step, c is as likely in any
octave.

Sources: R. Waeber, P. Frazier, S. Henderson, Bisection search with noisy responses, SIAM J. Control Optim. 51, 2013
(the median of the posterior is tried); M. Horstein, Sequential transmission using noiseless feedback, IEEE Trans. Inf.
Theory 9, 1963. The knee: L. Kleinrock, Power and deterministic rules of thumb, ICC 1979 (throughput over delay is
greatest there).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONFIDENCE",
    "SURE",
    "Aim",
    "Answer",
    "Capacity",
    "Ended",
    "Reading",
    "Tried",
    "capacity",
    "knee",
    "next_value",
    "posterior",
]

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95
SURE: Final = 3.0
"""Standard errors from which an answer is clear; what Haybittle and Peto ask of a trial that is to stop early."""

_BINS: Final = 120
_SLOPES: Final = np.exp(np.linspace(math.log(0.3), math.log(1e6), 15))
"""Of the score over the logarithm of the value: 0.3 is a curve that hardly rises, 1000 a wall."""
_UNDERRATED: Final = np.array([1.0, 1.5, 2.3])
_UNDERRATED_WEIGHTS: Final = np.log([0.6, 0.3, 0.1])
_STRAY: Final = 0.0005
_SUSPICIOUS: Final = 3
"""Answers in a row on one side, from which the other end of the bracket is tried again before it is believed."""
_OCTAVE: Final = math.log(2.0)
_NOTHING: Final = 1e-4
"""A bin less likely than that is left out when the rest is looked at more closely."""
_NARROWEST_FOR_LIMIT: Final = 1.1
"""Ratio of the lowest value that the generator could not do to the highest that it did, at which the search for the
generator's own limit ends."""
_MOST_INVALID: Final = 3
"""Steps in a row that measure nothing, after which it has no sense to go on."""
_DETOURS: Final = (0.5, 0.5, 0.35, 0.65)
"""Quantile of the posterior that is tried, by how many steps in a row have been INVALID."""
_RISE: Final = 1.5
"""Times the mean delay of the knee that some load beyond it has to have."""
_AROUND: Final = (0.85, 0.15, 0.5)
"""The same where answers in the middle are unclear: those to either side are less so, and tell how steep it is."""


class Answer(StrEnum):
    """What a step told. ``HELD`` and ``MISSED`` are beyond doubt; ``UNCLEAR``: the figure is too near its bound."""

    HELD = "held"
    MISSED = "missed"
    UNCLEAR = "unclear"
    INVALID = "invalid"


class Ended(StrEnum):
    """Why there is nothing more to try; ``NOT`` while there is."""

    NOT = ""
    FOUND = "found"
    STEPS = "steps"
    """As many as were allowed."""
    LOWEST = "lowest"
    """Missed at the lowest value that is allowed."""
    HIGHEST = "highest"
    """Held at the highest value that is allowed."""
    GENERATOR = "generator"
    """The generator's own limit lies below the target's."""
    INVALID = "invalid"
    """Too many steps measured nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far beyond its bound the worst objective was, and the standard error of that (> 0)."""

    score: float
    error: float

    @property
    def z(self) -> float:
        """In standard errors."""
        return self.score / self.error

    @property
    def answer(self) -> Answer:
        """What it says of the value that was tried."""
        if abs(self.z) < SURE:
            return Answer.UNCLEAR
        return Answer.MISSED if self.score > 0 else Answer.HELD


@dataclass(frozen=True, slots=True)
class Tried:
    """A step that was made. No ``reading``: it was INVALID."""

    value: float
    reading: Reading | None

    @property
    def answer(self) -> Answer:
        """What it told."""
        return Answer.INVALID if self.reading is None else self.reading.answer

    @property
    def within(self) -> bool:
        """Its figures, sure or not, were within the bounds."""
        return self.reading is not None and self.reading.score <= 0


@dataclass(frozen=True, slots=True)
class Aim:
    """What is searched for: the highest value from ``low`` to ``high`` that holds, beginning at ``start``, until its
    interval reaches ``precision`` (a share) to either side, or after ``most`` steps. ``whole``: values are integers."""

    start: float
    low: float
    high: float
    precision: float = 0.05
    most: int = 24
    whole: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.start <= self.high < math.inf:
            raise ValueError(f"{self.low:g} to {self.high:g}, beginning at {self.start:g}: not in that order above 0")

    def allowed(self, value: float) -> float:
        """The nearest value that may be tried."""
        inside = min(max(value, self.low), self.high)
        return float(min(max(round(inside), math.ceil(self.low)), math.floor(self.high))) if self.whole else inside


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is known. ``value``: the median of the posterior; None as long as there is no bracket. ``interval``: 95 %.

    ``held``: the highest value that surely held, of those tried; ``missed``: the lowest that surely did not.
    ``valid``: the highest that was measured validly; ``limit``: the lowest above it that the generator could not do.
    """

    value: float | None
    interval: tuple[float, float] | None
    held: float | None
    missed: float | None
    valid: float | None
    limit: float | None
    ended: Ended


def next_value(aim: Aim, tried: Sequence[Tried]) -> float | None:
    """What to try next; None when the search is over."""
    return None if _ended(aim, tried) else aim.allowed(_wanted(aim, tried))


def capacity(aim: Aim, tried: Sequence[Tried]) -> Capacity:
    """What the steps so far say."""
    found = _interval(tried) if _bracketed(tried) else None
    low, value, high = (aim.allowed(each) for each in found) if found else (0.0, 0.0, 0.0)
    held = [step.value for step in tried if step.answer is Answer.HELD]
    missed = [step.value for step in tried if step.answer is Answer.MISSED]
    valid = max((step.value for step in tried if step.reading), default=None)
    return Capacity(
        value=value if found else None,
        interval=(low, high) if found else None,
        held=max(held, default=None),
        missed=min(missed, default=None),
        valid=valid,
        limit=_limit(tried),
        ended=_ended(aim, tried),
    )


def _wanted(aim: Aim, tried: Sequence[Tried]) -> float:
    valid = [step.value for step in tried if step.reading]
    if not tried:
        return aim.start
    if not valid:
        return tried[-1].value / (1 if len(tried) == 1 else 2)
    if _bracketed(tried):
        return (_narrow(aim, tried) and _doubtful(tried)) or _quantiles(tried, [_share(tried)])[0]
    if not any(step.within for step in tried):
        return min(valid) / 2
    top, limit = max(valid), _limit(tried)
    if limit is None:
        return max(step.value for step in tried) if tried[-1].answer is Answer.INVALID else 2 * top
    return math.sqrt(top * limit)


def _share(tried: Sequence[Tried]) -> float:
    """Which quantile of the posterior to try."""
    low, _, high = _interval(tried)
    if invalid := _invalid_in_a_row(tried):
        return _DETOURS[min(invalid, len(_DETOURS) - 1)]
    unclear = any(step.answer is Answer.UNCLEAR and low <= step.value <= high for step in tried)
    return _AROUND[len(tried) % len(_AROUND)] if unclear else 0.5


def _ended(aim: Aim, tried: Sequence[Tried]) -> Ended:
    if _invalid_in_a_row(tried) >= _MOST_INVALID and not _rises(tried):
        return Ended.INVALID
    within = [step.value for step in tried if step.within]
    beyond = [step.value for step in tried if step.reading and not step.within]
    if _bracketed(tried):
        if _narrow(aim, tried) and _doubtful(tried) is None:
            return Ended.FOUND
    elif beyond and min(beyond) <= aim.allowed(0.0):
        return Ended.LOWEST
    elif within and max(within) >= aim.allowed(math.inf):
        return Ended.HIGHEST
    elif (limit := _limit(tried)) is not None and within and limit / max(within) <= _NARROWEST_FOR_LIMIT:
        return Ended.GENERATOR
    return Ended.STEPS if len(tried) >= aim.most else Ended.NOT


def _narrow(aim: Aim, tried: Sequence[Tried]) -> bool:
    """The interval is as narrow as it has to be."""
    low, _, high = _interval(tried)
    return high / low <= (1 + aim.precision) ** 2 or (aim.whole and _next_to_each_other(tried))


def _doubtful(tried: Sequence[Tried]) -> float | None:
    """An end of the bracket that one answer alone speaks for, and all since then were on the other side: as it is where
    that answer was a stray. Then it is asked for once more."""
    valid = [step for step in tried if step.reading]
    side = valid[-1].within
    if any(step.within is not side or step.answer is Answer.UNCLEAR for step in valid[-_SUSPICIOUS:]):
        return None
    ends = [step.value for step in valid if step.within is not side]
    end = min(ends) if side else max(ends)
    return end if ends.count(end) == 1 else None


def _bracketed(tried: Sequence[Tried]) -> bool:
    return len({step.within for step in tried if step.reading}) == 2


def _next_to_each_other(tried: Sequence[Tried]) -> bool:
    """An integer surely held, and the next one surely did not."""
    held = [step.value for step in tried if step.answer is Answer.HELD]
    missed = [step.value for step in tried if step.answer is Answer.MISSED]
    return bool(held and missed) and min(missed) - max(held) == 1


def _limit(tried: Sequence[Tried]) -> float | None:
    """The lowest value above all that were measured validly at which the generator failed twice."""
    top = max((step.value for step in tried if step.reading), default=0.0)
    failed = [step.value for step in tried if step.reading is None and step.value > top]
    return min((value for value in failed if failed.count(value) > 1), default=None)


def _rises(tried: Sequence[Tried]) -> bool:
    """What failed of late lies above what was measured: the limit of the generator is being closed in on."""
    return not _bracketed(tried) and _limit(tried) is not None and any(step.within for step in tried)


def _invalid_in_a_row(tried: Sequence[Tried]) -> int:
    count = 0
    for step in reversed(tried):
        if step.reading is not None:
            break
        count += 1
    return count


def _interval(tried: Sequence[Tried]) -> tuple[float, float, float]:
    """Lower end, median, upper end."""
    tail = (1 - CONFIDENCE) / 2
    low, middle, high = _quantiles(tried, [tail, 0.5, 1 - tail])
    return low, middle, high


def _quantiles(tried: Sequence[Tried], shares: Sequence[float]) -> list[float]:
    edges, weights = posterior(tuple(tried))
    below = np.concatenate(([0.0], np.cumsum(weights)))
    return [float(math.exp(at)) for at in np.interp(shares, below, edges)]


@lru_cache(maxsize=4)
def posterior(tried: tuple[Tried, ...]) -> tuple[Floats, Floats]:
    """Edges of bins of the logarithm of the capacity, and how likely it is in each; an octave beyond the bracket."""
    turns = [
        max(step.value for step in tried if step.within),
        min(step.value for step in tried if step.reading and not step.within),
    ]
    edges = np.linspace(math.log(min(turns)) - _OCTAVE, math.log(max(turns)) + _OCTAVE, _BINS + 1)
    likely = np.flatnonzero(_weights(tried, edges) > _NOTHING)
    finer = np.linspace(edges[max(0, likely[0] - 1)], edges[min(_BINS, likely[-1] + 2)], _BINS + 1)
    return finer, _weights(tried, finer)


def _weights(tried: Sequence[Tried], edges: Floats) -> Floats:
    centres, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    total = np.broadcast_to(_UNDERRATED_WEIGHTS, (_BINS, len(_SLOPES), len(_UNDERRATED))).copy()
    for step in tried:
        if step.reading is not None:
            likelihood = _log_likelihood(math.log(step.value) - centres, width, step.reading)
            total += np.logaddexp(likelihood + math.log1p(-_STRAY), math.log(_STRAY))
    weights = np.exp(total - total.max()).sum(axis=(1, 2))
    found: Floats = weights / weights.sum()
    return found


def _log_likelihood(distance: Floats, width: float, reading: Reading) -> Floats:
    """Of a reading so far above the capacity (in its logarithm; somewhere in a bin of that width), for every distance,
    slope and factor by which errors are underrated."""
    expected = _SLOPES[None, :, None] * distance[:, None, None] / reading.error
    error = np.hypot(_UNDERRATED, _SLOPES[:, None] * width / math.sqrt(12) / reading.error)
    if abs(reading.z) > SURE:
        return _log_normal_cdf((math.copysign(1.0, reading.score) * expected - SURE) / error)
    found: Floats = -0.5 * ((reading.z - expected) / error) ** 2 - np.log(error)
    return found


_REACH: Final = np.linspace(-38.0, 8.0, 9201)
_LOG_CDF: Final = np.log([max(math.erfc(-x / math.sqrt(2)) / 2, 1e-320) for x in _REACH])


def _log_normal_cdf(x: Floats) -> Floats:
    """From a table: off by less than 1e-5; beyond it as good as impossible, or certain."""
    found: Floats = np.interp(x, _REACH, _LOG_CDF)
    return found


def knee(points: Sequence[tuple[float, float]]) -> int | None:
    """Of points (throughput, mean delay), by load, the one of the greatest throughput over delay.

    None with under three, and where no load beyond it shows that delay really rises (``_RISE``): throughput, which
    falls behind delay there by definition, may just not have had its end yet.
    """
    if len(points) < 3:
        return None
    powers = [throughput / delay if delay > 0 else 0.0 for throughput, delay in points]
    at = max(range(len(points)), key=powers.__getitem__)
    beyond = max((delay for _, delay in points[at + 1 :]), default=0.0)
    return at if beyond >= _RISE * points[at][1] else None
