"""How much a worker can measure, and how far from the truth it does: values that results and planning share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["DEFAULT_CAPACITY", "FULL", "REFERENCE_TOKENS", "Capacity", "Deviation", "ErrorBar", "Pace"]

FULL: Final = 0.6
"""Share of its ceiling that a worker is given at the planned peak."""
REFERENCE_TOKENS: Final = 100
"""Tokens, each an event, of the streams that capacities are told in."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much there is to measure: ``calls`` and ``events`` (content chunks of streams) per second."""

    calls: float = 0.0
    events: float = 0.0

    def over(self, workers: int) -> Pace:
        """One worker's share."""
        return Pace(self.calls / workers, self.events / workers)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one worker measures at its ceiling: so many events of streams per second, or so many requests.

    A call takes its share of the same core as an event does, so the shares of both add up.
    """

    events_per_second: float
    requests_per_second: float

    def share(self, pace: Pace) -> float:
        """``pace`` as a share of the ceiling: 1.0 is all that one worker can do."""
        return pace.calls / self.requests_per_second + pace.events / self.events_per_second

    def workers(self, pace: Pace) -> int:
        """How many workers ``pace`` needs, each filled to FULL of its ceiling; at least one."""
        return max(1, math.ceil(self.share(pace) / FULL - 1e-9))

    @property
    def streams_per_second(self) -> float:
        """Streams of REFERENCE_TOKENS events."""
        return 1.0 / self.share(Pace(1.0, REFERENCE_TOKENS))


DEFAULT_CAPACITY: Final = Capacity(events_per_second=1 / 15e-6, requests_per_second=1 / 250e-6)
"""What to plan with where nothing is known of the machine: at its ceiling a worker has 15 µs for each event of a stream
and 250 µs for each call, as calibrations of a core of 2.5 GHz found (200 to 290 µs)."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a metric was from the truth, in seconds: said - true, value by value.

    ``bias``: the mean; positive is late. ``p50`` and ``p99``: of its size, whatever the sign. ``shift_p50`` and
    ``shift_p99``: the percentile that was said less the true one, which is what a reader of a report is off by.
    """

    bias: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    shift_p50: float = 0.0
    shift_p99: float = 0.0


@dataclass(frozen=True, slots=True)
class ErrorBar:
    """How far from the truth this machine's times were when it was calibrated, at the load of a run.

    ``calls`` and ``events``: per second and worker, in the run's busiest stretch; ``share``: of a worker's ceiling.
    ``beyond``: more than was calibrated, so ``metrics`` (name -> Deviation) hold what was found at the highest load
    there was, and say too little. ``calibrated``: when (ISO 8601). ``disturbed``: other work disturbed that, so that
    the figures say nothing of a run; only earlier results hold such a bar.
    """

    calibrated: str
    calls: float
    events: float
    share: float
    beyond: bool = False
    disturbed: bool = False
    metrics: Mapping[str, Deviation] = field(default_factory=dict)
