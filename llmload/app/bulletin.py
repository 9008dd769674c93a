"""What disturbs a run is told while it goes on: when it happened and for how long, without telling it all day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from llmload.metrics.disturbance import Cause
from llmload.metrics.health import WorkerHealth
from llmload.units import format_seconds

__all__ = ["Bulletin"]

_FROM: Final = 0.05
"""Seconds from which a delay is worth a line."""
_QUIET: Final = 5.0
"""Seconds without another line about the same; twice as long after each, so that a day has a dozen."""

_WORDS: Final[Mapping[Cause, str]] = {
    Cause.PREEMPTED: "worker {worker} waited {time} for a CPU that others had",
    Cause.STOLEN: "the hypervisor held up worker {worker} for {time}",
    Cause.COLLECTING: "garbage collection held up worker {worker} for {time}",
    Cause.BUSY: "worker {worker} was too busy to read for {time}",
    Cause.STOPPED: "worker {worker} stood still for {time}",
    Cause.THROTTLED: "the container's CPU quota was used up: {time} of waiting",
    Cause.OTHERS: "other processes used more than half of this machine for {time}",
    Cause.STEAL: "the hypervisor took {time} of this machine's CPU time",
    Cause.SUSPENDED: "the machine slept for {time}",
    Cause.CLOCK: "the wall clock was set by {time}",
}


@dataclass(slots=True)
class _Told:
    """Of one cause: until when (s of the run) nothing is told, and for how long then."""

    until: float = 0.0
    quiet: float = _QUIET


class Bulletin:
    """Turns the growing testimony of the workers into lines for the user."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, Cause], int] = {}
        self._told: dict[Cause, _Told] = {}

    def news(self, workers: Mapping[int, WorkerHealth], now: float) -> Iterator[str]:
        """What came up since this was last asked; ``now``: seconds of the run."""
        for worker, health in sorted(workers.items()):
            for cause in health.disturbances:
                since = self._known.get((worker, cause), -1)
                fresh = [each for each in health.disturbances.worst(cause) if each.at > since]
                if not fresh:
                    continue
                self._known[worker, cause] = max(each.at for each in fresh)
                told = self._told.setdefault(cause, _Told())
                if fresh[0].micros < _FROM * 1e6 or now < told.until:
                    continue
                told.until, told.quiet = now + told.quiet, 2 * told.quiet
                when = format_seconds(max(0, fresh[0].at) / 1e6)
                yield f"at {when}: " + _WORDS[cause].format(worker=worker, time=format_seconds(fresh[0].micros / 1e6))
