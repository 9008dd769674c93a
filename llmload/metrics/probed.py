"""What a probe told of the target: how long a light request took at each moment, and when none was answered at all.

Probes go out at a fixed rate whether or not those before them were answered, so a server that stands still can't keep
itself from being asked. One that came late is counted from when it was due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from llmload.metrics.buckets import COARSE, Ints, fold
from llmload.metrics.histogram import Histogram
from llmload.metrics.sparse import Sparse
from llmload.metrics.windows import MAX_WINDOWS

__all__ = ["Answered", "Probed", "Stall"]

_MOST_STALLS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Stall:
    """A time for which the server stood still, by the probe that waited longest. Seconds: ``at`` from the start of the
    run, when it went out; ``seconds`` from then until it was answered. ``before``: how much earlier it may have begun:
    nobody asked. ``own``: how late the prober itself may have been in hearing the answer."""

    at: float
    seconds: float
    before: float = 0.0
    own: float = 0.0

    @property
    def end(self) -> float:
        """When it was over."""
        return self.at + self.seconds

    @property
    def least(self) -> float:
        """How long it lasted at least."""
        return self.seconds - self.own

    @property
    def most(self) -> float:
        """How long it may have lasted."""
        return self.seconds + self.before


class Answered(NamedTuple):
    """What became of a probe: when it was due (``at`` s after the start), how many ``seconds`` from then until it was
    answered, or ``lost`` after that time; by how many of them the prober itself was late (``own``)."""

    at: float
    seconds: float
    own: float = 0.0
    lost: bool = False


@dataclass(slots=True)
class Probed:
    """``rate``: probes per second; ``limit``: seconds above the median from which an answer shows a stall.

    ``times``: window (from the start, ``width`` s each) -> microseconds from when its probes were due until they were
    answered, or given up; ``least``: the same with the prober's own lateness taken off. ``lost``: window -> probes
    without an answer. ``lag``: microseconds by which the prober itself was late. ``doubtful``: answers that may have
    been late or not: the prober was. ``unsent``: probes that could not go out. ``more``: stalls beyond those that are
    listed.
    """

    rate: float
    limit: float
    width: int = 1
    times: dict[int, Sparse] = field(default_factory=dict)
    least: dict[int, Sparse] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    stalls: list[Stall] = field(default_factory=list)
    lag: Sparse = field(default_factory=Sparse)
    doubtful: int = 0
    unsent: int = 0
    more: int = 0

    def take(self, answers: Sequence[Answered]) -> None:
        """Add what became of probes."""
        if not answers:
            return
        latest = max(each.at for each in answers)
        while latest // self.width >= MAX_WINDOWS:
            self._widen(2 * self.width)
        numbers = [int(each.at // self.width) for each in answers]
        for number, counts in fold(_micros(each.seconds for each in answers), np.array(numbers), COARSE):
            self.times.setdefault(number, Sparse()).add(counts)
        for number, counts in fold(_micros(each.seconds - each.own for each in answers), np.array(numbers), COARSE):
            self.least.setdefault(number, Sparse()).add(counts)
        for _, counts in fold(_micros(each.own for each in answers), np.zeros(len(answers), np.int64), COARSE):
            self.lag.add(counts)
        for number, each in zip(numbers, answers, strict=True):
            if each.lost:
                self.lost[number] = self.lost.get(number, 0) + 1

    def stalled(self, stall: Stall) -> None:
        """There was a stall; one that overlaps the last ones is the same, and the longest of them tells."""
        while self.stalls and self.stalls[-1].end >= stall.at:
            stall = max(self.stalls.pop(), stall, key=lambda each: each.seconds)
        if len(self.stalls) < _MOST_STALLS:
            self.stalls.append(stall)
        else:
            self.more += 1

    def merge(self, other: Probed) -> None:
        """Add what another part of the run was told."""
        self._widen(max(self.width, other.width))
        for mine, others in ((self.times, other.times), (self.least, other.least)):
            for number, part in others.items():
                mine.setdefault(number * other.width // self.width, Sparse()).add(part.counts())
        for number, count in other.lost.items():
            at = number * other.width // self.width
            self.lost[at] = self.lost.get(at, 0) + count
        self.lag.add(other.lag.counts())
        every = sorted((*self.stalls, *other.stalls), key=lambda stall: stall.at)
        self.stalls, self.more = every[:_MOST_STALLS], self.more + other.more + len(every[_MOST_STALLS:])
        self.doubtful += other.doubtful
        self.unsent += other.unsent

    def _widen(self, width: int) -> None:
        if width == self.width:
            return
        narrow = Probed(self.rate, self.limit, self.width, self.times, self.least, self.lost)
        self.width, self.times, self.least, self.lost = width, {}, {}, {}
        self.merge(narrow)

    def within(self, spans: Iterable[tuple[float, float]], least: bool = False) -> Histogram:
        """Microseconds of the probes in the windows that begin in these stretches (from, to: s); ``least``: with the
        prober's own lateness taken off."""
        known = self.least if least else self.times
        return Sparse.pooled([known[number] for number in sorted(self._numbers(spans, known))])

    def lost_in(self, spans: Iterable[tuple[float, float]]) -> int:
        """Probes in them without an answer."""
        return sum(self.lost[number] for number in self._numbers(spans, self.lost))

    def stalls_in(self, spans: Iterable[tuple[float, float]]) -> list[Stall]:
        """Those that began in these stretches, in the order of time."""
        chosen = list(spans)
        return [stall for stall in self.stalls if any(start <= stall.at < end for start, end in chosen)]

    def _numbers(self, spans: Iterable[tuple[float, float]], known: Iterable[int]) -> set[int]:
        chosen = list(spans)
        return {number for number in known if any(start <= number * self.width < end for start, end in chosen)}

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "rate": self.rate, "limit": self.limit, "width": self.width,
            "times": _windows(self.times), "least": _windows(self.least),
            "lost": [[number, self.lost[number]] for number in sorted(self.lost)],
            "stalls": [asdict(stall) for stall in self.stalls],
            "lag": self.lag.to_json(), "doubtful": self.doubtful, "unsent": self.unsent, "more": self.more,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Probed:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        made = cls(float(data["rate"]), float(data["limit"]), int(data["width"]))
        made.times, made.least = (
            {int(number): Sparse.from_json(part) for number, part in data[name]} for name in ("times", "least")
        )
        made.lost = {int(number): int(count) for number, count in data["lost"]}
        made.stalls = [Stall(**{key: float(value) for key, value in stall.items()}) for stall in data["stalls"]]
        made.lag = Sparse.from_json(data["lag"])
        made.doubtful, made.unsent, made.more = (int(data[key]) for key in ("doubtful", "unsent", "more"))
        if made.width < 1 or not all(0 <= number < MAX_WINDOWS for number in {*made.times, *made.least, *made.lost}):
            raise ValueError(f"windows of {made.width} s that can't be")
        return made


def _windows(known: Mapping[int, Sparse]) -> list[list[Any]]:
    return [[number, known[number].to_json()] for number in sorted(known)]


def _micros(seconds: Iterable[float]) -> Ints:
    return np.array([round(each * 1e6) for each in seconds], np.int64)
