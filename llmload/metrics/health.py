"""How the load generator itself was doing: the figures that say whether its measurements can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final

from llmload.metrics.disturbance import Disturbances
from llmload.metrics.histogram import Histogram
from llmload.metrics.learned import Learned

__all__ = ["Gauge", "WorkerHealth"]

_PARTS: Final = 1_000_000


@dataclass(slots=True)
class Gauge:
    """Samples of a share (0..1, or more for sums), kept in millionths so that adding up is exact."""

    samples: int = 0
    millionths: int = 0
    peak: int = 0

    def add(self, share: float) -> None:
        """Take one sample."""
        value = round(share * _PARTS)
        self.samples += 1
        self.millionths += value
        self.peak = max(self.peak, value)

    def merge(self, other: Gauge) -> None:
        """Add another gauge's samples."""
        self.samples += other.samples
        self.millionths += other.millionths
        self.peak = max(self.peak, other.peak)

    @property
    def mean(self) -> float:
        """The mean share; 0.0 without samples."""
        return self.millionths / self.samples / _PARTS if self.samples else 0.0

    @property
    def max(self) -> float:
        """The largest share sampled."""
        return self.peak / _PARTS

    def to_json(self) -> dict[str, int]:
        """In millionths; ``mean`` is ``sum`` / ``samples``."""
        return {"samples": self.samples, "sum": self.millionths, "max": self.peak}

    @classmethod
    def from_json(cls, data: dict[str, int]) -> Gauge:
        """The inverse of ``to_json``."""
        return cls(int(data["samples"]), int(data["sum"]), int(data["max"]))


@dataclass(slots=True)
class WorkerHealth:
    """One worker's testimony about itself, over a stretch of time or the whole run.

    Shares: ``cpu`` of one core, by this worker; ``cpu_wait`` of the time, in which its loop was ready to run and got
    no CPU (Linux); ``machine_cpu`` of all cores, by anyone; ``others_cpu`` of all cores, by processes that are not
    ours; ``steal`` of all cores, taken by the hypervisor. ``unsent``: arrivals never sent because the run was stopped.
    ``cap_hits``: arrivals that found the cap on calls in flight reached. ``fallback``: the measuring path used,
    "direct" or "iter_any"; the worse one once both were. ``renewals_failed``: credentials used on because they could
    not be renewed. ``clock_jumps``: how often the wall clock was set or the
    machine slept. ``disturbances``: what made the loop late, and when.
    ``learned``: what targets reported of estimated prompts.
    """

    worker: int = 0
    loop_lag: Histogram = field(default_factory=Histogram)
    """Microseconds the event loop was late, at times drawn evenly over the measured phases."""
    gc_pause: Histogram = field(default_factory=Histogram)
    """Microseconds the garbage collector held the interpreter."""
    cpu: Gauge = field(default_factory=Gauge)
    cpu_wait: Gauge = field(default_factory=Gauge)
    machine_cpu: Gauge = field(default_factory=Gauge)
    others_cpu: Gauge = field(default_factory=Gauge)
    steal: Gauge = field(default_factory=Gauge)
    fds: int = 0
    fd_limit: int = 0
    rss: int = 0
    """Largest resident set, bytes."""
    cap_hits: int = 0
    dropped: int = 0
    unsent: int = 0
    connections_opened: int = 0
    max_in_flight: int = 0
    fallback: str = ""
    clock_jumps: int = 0
    renewals_failed: int = 0
    disturbances: Disturbances = field(default_factory=Disturbances)
    learned: Learned = field(default_factory=Learned)

    def merge(self, other: WorkerHealth) -> None:
        """Add a later (or earlier) stretch of the same worker."""
        for name in _FOLDED:
            getattr(self, name).merge(getattr(other, name))
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _LARGEST:
            setattr(self, name, max(getattr(self, name), getattr(other, name)))

    def to_json(self) -> dict[str, Any]:
        """Every field, in the order of declaration."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value.to_json() if name in _FOLDED else value for name, value in values.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WorkerHealth:
        """The inverse of ``to_json``; KeyError on a missing field, but for those that schema 1.0 did not have yet."""
        made = cls()
        for each in fields(cls):
            if each.name in _ADDED_LATER and each.name not in data:
                continue
            part = data[each.name]
            setattr(made, each.name, _FOLDED[each.name].from_json(part) if each.name in _FOLDED else part)
        return made


_FOLDED: Final[dict[str, type[Histogram] | type[Gauge] | type[Disturbances] | type[Learned]]] = {
    "loop_lag": Histogram, "gc_pause": Histogram, "disturbances": Disturbances, "learned": Learned,
    "cpu": Gauge, "cpu_wait": Gauge, "machine_cpu": Gauge, "others_cpu": Gauge, "steal": Gauge,
}  # fmt: skip
_ADDED_LATER: Final = frozenset({"cpu_wait", "disturbances", "renewals_failed", "learned"})
_ADDED: Final = ("cap_hits", "dropped", "unsent", "connections_opened", "clock_jumps", "renewals_failed")
_LARGEST: Final = ("fds", "fd_limit", "rss", "max_in_flight", "fallback")
"""``fallback`` among them: "iter_any" sorts after "direct", and that after none."""
