"""The schedule: when each arrival of a run is due.

Theory of operation
-------------------
A curve says how many arrivals are expected until time t: E(t), the integral of its rate. A process
says at which amount of expectation arrival k is due: s_k. Arrival k is at

    t_k = E^-1(s_k)

    E(t) |                 .--       Equal steps up the axis of expectation (uniform process),
     s_3 |..............-'           or random ones of mean 1 (Poisson, gamma), become times
     s_2 |..........-' :             through the curve. Where the rate is high, E is steep and
     s_1 |......-' :   :             the times are close together; where it is 0, E is flat and
     s_0 |..-'  :  :   :             no s_k can fall there.
         +---------------------- t
           t_0 t_1 t_2 t_3

So every process works on every curve, the rate follows the curve in *time* (not in the number of the
request), and a Poisson process stays one whatever the curve: the number of arrivals in any stretch is
Poisson distributed with the curve's integral as its mean, independent of what happens elsewhere.

Nothing here is adjusted afterwards: no count is made to fit, no slice is filled up. The schedule is a
function of (curve, process, seed), made in chunks of fixed size in constant memory. Shard i of n works
out the whole schedule and keeps every n-th arrival from the i-th on: that costs little (tens of
nanoseconds per arrival skipped) and makes the shards together exactly the schedule of one worker, to
the last bit. Superposing n independent streams, or thinning one at random, would give other gaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmload.arrivals.base import Curve, inverse_all
from llmload.arrivals.process import Process
from llmload.clock import NS
from llmload.records import Arrival

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """All arrivals of a run: ``curve`` says how many, ``process`` how spaced, ``seed`` which."""

    curve: Curve
    process: Process
    seed: int

    def expected(self) -> float:
        """How many arrivals the curve expects in all; a random process makes about so many."""
        return self.curve.expected(self.curve.duration)

    def count(self, shard: int = 0, of: int = 1) -> int:
        """How many arrivals a shard has, exactly; quicker than walking them, as no time is worked out."""
        whole = sum(map(len, self._steps()))
        return (whole - shard + of - 1) // of

    def _steps(self) -> Iterator[NDArray[np.float64]]:
        """The expectation at which each arrival is due, in chunks."""
        whole = self.expected()
        for steps in self.process.chunks(self.seed):
            within = steps[: np.searchsorted(steps, whole, side="left")]
            yield within
            if len(within) < len(steps):
                return

    def times(self) -> Iterator[NDArray[np.int64]]:
        """Nanoseconds since the start of every arrival, in order, in chunks; all below the duration."""
        before, last = 0, math.ceil(self.curve.duration * NS) - 1
        for within in self._steps():
            times = np.clip(np.rint(inverse_all(self.curve, within) * NS), before, last)
            # Steps closer together than the rounding of an inverse must not change places.
            times = np.maximum.accumulate(times).astype(np.int64)
            yield times
            before = int(times[-1]) if len(times) else before

    def arrivals(self, shard: int = 0, of: int = 1) -> Iterator[Arrival]:
        """The arrivals of shard ``shard`` (from 0) of ``of``: every ``of``-th of the one schedule.

        ``Arrival.index`` counts over all shards. ValueError for a shard that doesn't exist.
        """
        if not 0 <= shard < of:
            raise ValueError(f"there is no shard {shard} of {of}; shards count from 0 to {of - 1}")
        return self._arrivals(shard, of)

    def _arrivals(self, shard: int, of: int) -> Iterator[Arrival]:
        index = 0
        for times in self.times():
            skip = (shard - index) % of
            yield from map(Arrival, range(index + skip, index + len(times), of), times[skip::of].tolist())
            index += len(times)
