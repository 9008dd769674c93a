"""What was seen of the target beside its answers: figures sampled over the run, from outside.

Figures are kept per window of the run, as everything over time is: one second wide until there would be more than
``MAX_WINDOWS``, then pairs become one. Of each window its mean, smallest and largest value are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import Any, Final

from llmload.metrics.probed import Probed
from llmload.metrics.windows import MAX_WINDOWS

__all__ = ["FIGURES", "Bin", "Figure", "Measure", "Observed", "Samples", "figure_of", "mean_of"]


class Measure(StrEnum):
    """What the values of a figure are."""

    SHARE = "share"
    COUNT = "count"
    BYTES = "bytes"
    FLOW = "bytes per second"
    RATE = "per second"
    TIME = "seconds"


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the table below. ``level``: something that is held (memory, descriptors), of which it is asked how it
    grows; other figures are used up as time goes by."""

    title: str
    measure: Measure
    help: str
    level: bool = True


FIGURES: Final[Mapping[str, Figure]] = {
    "cpu": Figure("CPU, of the machine", Measure.SHARE, "share of all cores of the machine", level=False),
    "cores": Figure("CPU, in cores", Measure.COUNT, "cores kept busy: 1 is one core all the time", level=False),
    "memory": Figure("memory", Measure.BYTES, "resident memory (RSS)"),
    "threads": Figure("threads", Measure.COUNT, "threads"),
    "fds": Figure("file descriptors", Measure.COUNT, "open file descriptors"),
    "connections": Figure("connections", Measure.COUNT, "established TCP connections"),
    "read": Figure("read from storage", Measure.FLOW, "bytes per second read from storage", level=False),
    "written": Figure("written to storage", Measure.FLOW, "bytes per second written to storage", level=False),
    "queue": Figure("requests waiting", Measure.COUNT, "requests that wait for their turn"),
    "running": Figure("requests running", Measure.COUNT, "requests that are worked on"),
    "cache": Figure("KV cache in use", Measure.SHARE, "share of the KV cache in use"),
    "requests": Figure("requests done", Measure.RATE, "requests that ended, per second", level=False),
    "prompt_tokens": Figure("prompt tokens", Measure.RATE, "prompt tokens worked on, per second", level=False),
    "output_tokens": Figure("output tokens", Measure.RATE, "tokens generated, per second", level=False),
    "server_ttft": Figure("TTFT, by its own clock", Measure.TIME, "mean time to first token, as it says", level=False),
    "server_latency": Figure(
        "latency, by its own clock", Measure.TIME, "mean time of a request, as it says", level=False
    ),
    "server_wait": Figure(
        "wait, by its own clock", Measure.TIME, "mean time a request waited, as it says", level=False
    ),
    "gpu": Figure("GPU", Measure.SHARE, "share of time that the GPUs were busy, the mean of all", level=False),
    "disk_free": Figure("storage free", Measure.BYTES, "bytes free of the largest file system"),
    "probe": Figure(
        "probe answered after", Measure.TIME, "time from when a probe was due until it was answered", level=False
    ),
    "replicas": Figure("replicas", Measure.COUNT, "replicas that work"),
    "clients": Figure("clients", Measure.COUNT, "clients connected"),
}
"""What is sampled: of a process and its children, added up, and of what a page of metrics says under other names."""


def figure_of(name: str) -> Figure:
    """The figure of that name; one that a scenario made of a series of its own is a plain number."""
    return FIGURES.get(name) or Figure(name, Measure.COUNT, f"{name}, as the scenario defines it")


@dataclass(slots=True)
class Bin:
    """The values of one window. ``total``: their sum, each times its weight: seconds that a rate held, or 1 for a
    reading of a level."""

    weight: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, value: float, weight: float) -> None:
        """Take one value."""
        self.merge(Bin(weight, value * weight, float(value), float(value)))

    def merge(self, other: Bin) -> None:
        """Add the values of another."""
        self.weight += other.weight
        self.total += other.total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    @property
    def mean(self) -> float:
        """Over its time, or over its readings."""
        return self.total / self.weight


@dataclass(slots=True)
class Samples:
    """One figure over the run. ``bins``: number (from the start, ``width`` s each) -> Bin; ``before``: its value just
    before the first call, None where nobody looked."""

    width: int = 1
    bins: dict[int, Bin] = field(default_factory=dict)
    before: float | None = None

    def read(self, at: float, value: float) -> None:
        """The value was read ``at`` seconds after the start."""
        if at < 0:
            self.before = float(value) if self.before is None else self.before
        else:
            self._bin(at).add(value, 1.0)

    def lasted(self, start: float, end: float, value: float) -> None:
        """A rate or share had this mean from ``start`` to ``end`` (s)."""
        at = max(0.0, start)
        while at < end:
            here = self._bin(at)
            border = (math.floor(at / self.width) + 1) * self.width
            here.add(value, min(border, end) - at)
            at = float(border)

    def _bin(self, at: float) -> Bin:
        while at // self.width >= MAX_WINDOWS:
            self._widen(2 * self.width)
        return self.bins.setdefault(int(at // self.width), Bin())

    def merge(self, other: Samples) -> None:
        """Add what another part of the run saw; in any order the same, to a rounding of sums."""
        self._widen(max(self.width, other.width))
        self.before = other.before if self.before is None else self.before
        for number, part in other.bins.items():
            self.bins.setdefault(number * other.width // self.width, Bin()).merge(part)

    def _widen(self, width: int) -> None:
        if width == self.width:
            return
        narrow = Samples(self.width, self.bins, self.before)
        self.width, self.bins = width, {}
        self.merge(narrow)

    def within(self, spans: Iterable[tuple[float, float]]) -> list[Bin]:
        """The windows that begin in these stretches (from, to: s), in the order of time."""
        return [bin for _, bin in self.over(spans)]

    def over(self, spans: Iterable[tuple[float, float]]) -> list[tuple[float, Bin]]:
        """The same, each with the second in the middle of it."""
        chosen = {
            number
            for start, end in spans
            for number in range(math.ceil(start / self.width), math.ceil(end / self.width))
            if number in self.bins
        }
        return [((number + 0.5) * self.width, self.bins[number]) for number in sorted(chosen)]

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order: of each bin a row, its number and the fields of a Bin."""
        rows = [[number, *astuple(self.bins[number])] for number in sorted(self.bins)]
        return {"width": self.width, "before": self.before, "bins": rows}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Samples:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        before = data["before"]
        made = cls(int(data["width"]), before=None if before is None else float(before))
        if made.width < 1:
            raise ValueError(f"windows of {made.width} s")
        for number, *values in data["bins"]:
            made.bins[int(number)] = found = Bin(*map(float, values))
            if not (0 <= number < MAX_WINDOWS and found.weight > 0):
                raise ValueError(f"window {number} can't be")
        return made


@dataclass(slots=True)
class Observed:
    """Something that was observed: ``what`` in words. ``missing``: figure -> why there is none; ``trouble``: why
    nothing could be seen at last; "" as long as it could. ``ended``: when it ended, once or more often, in seconds.
    ``probed``: what a probe told, where that is what it is."""

    what: str = ""
    figures: dict[str, Samples] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    ended: list[float] = field(default_factory=list)
    trouble: str = ""
    probed: Probed | None = None

    def samples(self, figure: str) -> Samples:
        """Those of one figure, to add to."""
        return self.figures.setdefault(figure, Samples())

    def merge(self, other: Observed) -> None:
        """Add what another part of the run saw of it."""
        self.what, self.trouble = self.what or other.what, self.trouble or other.trouble
        for name, samples in other.figures.items():
            self.samples(name).merge(samples)
        self.missing = {**other.missing, **self.missing}
        self.ended = sorted({*self.ended, *other.ended})
        if other.probed is not None:
            self.probed = self.probed or Probed(other.probed.rate, other.probed.limit)
            self.probed.merge(other.probed)

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "what": self.what,
            "trouble": self.trouble,
            "ended": list(self.ended),
            "missing": dict(sorted(self.missing.items())),
            "figures": {name: self.figures[name].to_json() for name in sorted(self.figures)},
            "probed": None if self.probed is None else self.probed.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Observed:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        figures = {str(name): Samples.from_json(samples) for name, samples in data["figures"].items()}
        missing = {str(name): str(why) for name, why in data["missing"].items()}
        ended, probed = [float(at) for at in data["ended"]], data.get("probed")
        told = None if probed is None else Probed.from_json(probed)
        return cls(str(data["what"]), figures, missing, ended, str(data["trouble"]), told)


def mean_of(bins: Sequence[Bin]) -> float | None:
    """Over all of their time or readings; None without any."""
    weight = sum(each.weight for each in bins)
    return sum(each.total for each in bins) / weight if weight else None
