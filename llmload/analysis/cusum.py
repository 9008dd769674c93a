"""Where a series of standard scores last was too high: a one-sided CUSUM, run backwards from the end.

The CUSUM adds up how far each score is above a reference and never falls below 0. It crosses its decision interval
soon after a shift begins, be that small and lasting or large and short. Run from the end of a series towards its
beginning, it finds the latest stretch that was too high, and where in time that stretch ended.

Sources: E. S. Page, Continuous inspection schemes, Biometrika 41, 1954; D. Siegmund, Sequential analysis, 1985 (the
average run length that ``decision_interval`` is solved from).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmload.analysis.series import Floats

__all__ = ["HIGHEST_SCORE", "count_score", "decision_interval", "ends_of_excess", "normal_score", "students_t"]

HIGHEST_SCORE: Final = 8.0
"""No score is beyond this: the tail of a normal distribution says nothing there."""
_LEAST: Final = 1e-15

_OVERSHOOT: Final = 1.166
"""What Siegmund's approximation adds to the decision interval for the overshoot of a discrete walk."""


def normal_score(t: Floats, freedom: float) -> Floats:
    """The normal deviate with the tail that a Student's t of so many degrees of freedom has.

    Source: D. L. Wallace, Bounds on normal approximations to Student's and the chi-square distributions, 1959.
    """
    shrunk = np.sqrt(freedom * np.log1p(t * t / freedom))
    score: Floats = np.sign(t) * (8 * freedom + 1) / (8 * freedom + 3) * shrunk
    return score


def students_t(score: float, freedom: float) -> float:
    """The inverse of ``normal_score``: where Student's t has the tail that a normal deviate has."""
    stretched = score * (8 * freedom + 3) / (8 * freedom + 1)
    return math.copysign(math.sqrt(freedom * math.expm1(stretched * stretched / freedom)), score)


def decision_interval(length: int, reference: float, chance: float) -> float:
    """How high the CUSUM of ``length`` standard normal scores must come so that it does so with at most ``chance``,
    where nothing has shifted."""
    wanted, low, high = max(length, 1) / chance, 0.0, 60.0 / reference
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _run_length(middle, reference) > wanted else (middle, high)
    return high


def _run_length(interval: float, reference: float) -> float:
    """Scores until a CUSUM of standard normal ones crosses the interval, on average."""
    b = 2 * reference * (interval + _OVERSHOOT)
    return (math.exp(min(b, 700.0)) - 1 - b) / (2 * reference**2)


def ends_of_excess(scores: Floats, reference: float, interval: float) -> NDArray[np.int64]:
    """Of each row of scores, where its latest excess ended: the place after its last score; 0 where there is none."""
    rows = np.atleast_2d(scores)
    count, length = rows.shape
    level, began = np.zeros(count), np.full(count, length)
    found = np.zeros(count, np.int64)
    for place in range(length - 1, -1, -1):
        fresh = level == 0.0
        level = np.maximum(0.0, level + rows[:, place] - reference)
        began = np.where(fresh, place + 1, began)
        crossed = (level >= interval) & (found == 0)
        found[crossed] = began[crossed]
    return found


def count_score(failed: int, of: int, before: int, of_before: int) -> float:
    """How unlikely so many failures are, as a normal deviate, after ``before`` failures of ``of_before`` calls: by the
    beta-binomial distribution that Jeffreys' prior gives, half of its own probability counted (mid-p).

    Source: L. D. Brown, T. T. Cai, A. DasGupta, Interval estimation for a binomial proportion, 2001.
    """
    a, b = before + 0.5, of_before - before + 0.5
    here = math.exp(math.lgamma(b + of) - math.lgamma(b) + math.lgamma(a + b) - math.lgamma(a + b + of))
    below = 0.0
    for x in range(failed):
        below += here
        if below >= 1.0 - _LEAST:
            return HIGHEST_SCORE
        here *= (of - x) / (x + 1) * (a + x) / (b + of - x - 1)
    return NormalDist().inv_cdf(min(max(below + here / 2, _LEAST), 1.0 - _LEAST))
