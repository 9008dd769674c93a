"""Arrivals as a trace has them, in place of a curve and a process. Read while the run goes on, in bounded memory.

Stamps that were rounded when they were published (to 1 s, to 3 s) would make a burst of each second: those of one
quantum are spread over it at random, by the seed and the place of the stamp, and keep their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from llmload.arrivals.curves import Points
from llmload.clock import NS
from llmload.data.traces import Trace, trace_rows
from llmload.draws import unit
from llmload.records import Arrival

__all__ = ["Replay"]

_LEAST: Final = 1_000_000
"""Nanoseconds that a pass over a trace lasts at least."""


@dataclass(frozen=True, slots=True)
class Replay:
    """``duration`` (s) of a trace, every time in it multiplied by ``scale``. ``quantum`` (s, of the trace's own time)
    is what stamps are spread over. When the trace is at its end before the duration is, it begins again."""

    trace: Trace
    duration: float
    scale: float = 1.0
    quantum: float = 0.0
    seed: int = 1

    @property
    def lap(self) -> int:
        """Nanoseconds of one pass, unscaled: to the last stamp, and on as far as the next would be."""
        span = self.trace.last - self.trace.first
        gap = span // max(1, self.trace.rows - 1)
        return max(_LEAST, span + max(gap, round(self.quantum * NS)))

    def arrivals(self, shard: int = 0, of: int = 1) -> Iterator[Arrival]:
        """Every ``of``-th arrival from the ``shard``-th on; ``index`` counts over all shards."""
        if not 0 <= shard < of:
            raise ValueError(f"there is no shard {shard} of {of}; shards count from 0 to {of - 1}")
        return (Arrival(index, at) for index, at in enumerate(self.times()) if index % of == shard)

    def count(self, shard: int = 0, of: int = 1) -> int:
        """How many arrivals a shard has; reads the whole trace."""
        return sum(1 for _ in self.arrivals(shard, of))

    def times(self) -> Iterator[int]:
        """Nanoseconds since the start of every arrival, in order; all below the duration."""
        end, before = round(self.duration * NS), 0
        for at in self._spread():
            before = max(before, round(at * self.scale))
            if before >= end:
                return
            yield before

    def _spread(self) -> Iterator[int]:
        """The stamps since the first one, laps included; those that are equal spread over a quantum, in order."""
        quantum = round(self.quantum * NS)
        if not quantum:
            yield from (stamp for _, stamp in self._numbered())
            return
        for stamp, numbers in groupby(self._numbered(), key=lambda each: each[1]):
            yield from (stamp + offset for offset in sorted(int(unit(self.seed, k) * quantum) for k, _ in numbers))

    def _numbered(self) -> Iterator[tuple[int, int]]:
        rows, first, lap, count = trace_rows(self.trace, "times"), self.trace.first, self.lap, self.trace.rows
        number = 0
        while True:
            since = number // count * lap
            yield number, rows.row(number % count).at - first + since
            number += 1

    def curve(self) -> Points:
        """The rate over time, in as many level stretches as the trace was counted in."""
        width = self.trace.width * self.scale / NS
        lap, points, start = self.lap * self.scale / NS, [], 0.0
        while start < self.duration:
            for place, count in enumerate(self.trace.counts):
                begin = start + place * width
                over = start + min(lap, (place + 1) * width)
                if begin < min(over, self.duration):
                    level = count / (over - begin)
                    points += [(begin, level), (min(over, self.duration), level)]
            last = points[-1][0]
            start += lap
            if last < min(start, self.duration):
                points += [(last, 0.0), (min(start, self.duration), 0.0)]
        return Points(tuple(points))
