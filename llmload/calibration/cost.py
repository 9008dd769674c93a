"""What measuring costs: CPU per call and per event, from stretches of time with different loads. Pure.

Least squares on

    CPU seconds / s = idle + per_call x calls/s + per_event x events/s

none of the three below 0. A stretch in which something else happened (a page cache dropped, a neighbour on the same
core) lies far from the line: such are left out, and the line is drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmload.metrics.precision import Capacity, Pace

__all__ = ["CEILING", "Cost", "Spent", "fit"]

CEILING: Final = 0.8
"""Share of a core that a worker may use. Beyond, what has just come in waits for what came before."""

_OUTLIER: Final = 4.0
"""In medians of the distances from the line."""
_TICK: Final = 0.01
"""Share of a core: distances below it are the grain of the system's CPU clock."""
_LEAST: Final = (1e-6, 1e-7)
"""Seconds per call and per event; what costs less has not been told from noise."""

_Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a worker did in a stretch of ``seconds``: CPU seconds, calls sent, events read."""

    seconds: float
    cpu: float
    calls: int
    events: int


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of one worker: ``idle`` (share of a core), ``call`` and ``event`` (seconds each).

    ``spread``: how far stretches lay from that, in the median, as a share of a core.
    """

    idle: float
    call: float
    event: float
    spread: float = 0.0

    def cpu(self, pace: Pace) -> float:
        """The share of a core that ``pace`` takes."""
        return self.idle + self.call * pace.calls + self.event * pace.events

    @property
    def capacity(self) -> Capacity:
        """What fits under CEILING."""
        room = max(CEILING - self.idle, 0.1 * CEILING)
        return Capacity(room / self.event, room / self.call)


def fit(spent: Sequence[Spent]) -> Cost:
    """The cost that explains ``spent`` best. ValueError if it can't be told: too few stretches, all alike, or noise."""
    rows = np.array([[1.0, each.calls / each.seconds, each.events / each.seconds] for each in spent])
    used = np.array([each.cpu / each.seconds for each in spent])
    if len(spent) < 3 or not (rows[:, 1:].max(axis=0) > 0).all():
        raise ValueError("too few different loads were measured to tell what a call and an event cost")
    solved = _least_squares(rows, used)
    distances = np.abs(rows @ solved - used)
    near = distances <= max(_TICK, _OUTLIER * float(np.median(distances)))
    solved = _least_squares(rows[near], used[near])
    idle, call, event = (float(value) for value in solved)
    if call < _LEAST[0] or event < _LEAST[1]:
        raise ValueError("what a call and an event cost can't be told apart: the machine is too busy with other things")
    return Cost(idle, call, event, float(np.median(np.abs(rows @ solved - used))))


def _least_squares(rows: _Array, used: _Array) -> _Array:
    """The best solution without negative parts: of every choice of columns the one with the least squares."""
    scale = np.maximum(rows.max(axis=0), 1e-12)
    best, least = np.zeros(3), np.inf
    for columns in (list(chosen) for size in (1, 2, 3) for chosen in combinations(range(3), size)):
        part = np.linalg.lstsq(rows[:, columns] / scale[columns], used, rcond=None)[0]
        if (part < 0).any():
            continue
        solution = np.zeros(3)
        solution[columns] = part / scale[columns]
        left = float(((rows @ solution - used) ** 2).sum())
        if left < least:
            best, least = solution, left
    return best
