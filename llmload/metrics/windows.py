"""Time series: what happened in each stretch of the run, light enough to be kept for hours.

A call is counted in the window in which it ended, and so are its figures: a window says what was known of
the calls that ended in it. Windows are one second wide until there would be more than ``MAX_WINDOWS``; then
pairs become one, and so on. The width depends on the last window only, so merging stays exact in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from llmload.metrics.buckets import Counts
from llmload.metrics.slices import NEVER_ENDED, Slice
from llmload.metrics.sparse import Sparse
from llmload.records import Outcome

__all__ = ["MAX_WINDOWS", "NEVER_ENDED", "SERIES", "Window", "Windows", "as_slice", "coarsen", "width_for"]

MAX_WINDOWS: Final = 7200
SERIES: Final = ("ttft", "itl", "latency")
"""The metrics a window keeps histograms of (good calls, 2 digits)."""


def width_for(seconds: float) -> int:
    """The width (s, a power of two) of the windows of a run that has something to say at ``seconds``."""
    width = 1
    while seconds // width >= MAX_WINDOWS:
        width *= 2
    return width


@dataclass(slots=True)
class Window:
    """What happened in one window, for one class ("" for what has no class yet: planned, sent, in flight).

    ``outcomes`` counts the calls that ended; tokens are those of good calls. ``peaks`` holds, per worker,
    the most calls in flight at once.
    """

    planned: int = 0
    sent: int = 0
    goodput: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    peaks: dict[int, int] = field(default_factory=dict)
    series: dict[str, Sparse] = field(default_factory=dict)

    def merge(self, other: Window) -> None:
        """Add another window."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        for worker, peak in other.peaks.items():
            self.peaks[worker] = max(self.peaks.get(worker, 0), peak)
        for name, sparse in other.series.items():
            self.add(name, sparse.counts())

    def add(self, metric: str, counts: Counts) -> None:
        """Add values of one of SERIES."""
        if metric not in self.series:
            self.series[metric] = Sparse()
        self.series[metric].add(counts)

    @property
    def completed(self) -> int:
        """Calls that ran to an end, good or bad."""
        return sum(count for outcome, count in self.outcomes.items() if outcome not in NEVER_ENDED)

    @property
    def ok(self) -> int:
        """Calls that got what they should have."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.good)

    @property
    def errors(self) -> int:
        """Calls the target failed."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.error)

    @property
    def in_flight(self) -> int:
        """The most calls in flight: the sum of the workers' peaks."""
        return sum(self.peaks.values())

    def to_json(self) -> dict[str, Any]:
        """What is not zero: most fields of most windows are."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in _NUMBERS if getattr(self, name)}
        if self.outcomes:
            parts["outcomes"] = {str(have): self.outcomes[have] for have in Outcome if have in self.outcomes}
        if self.peaks:
            parts["in_flight"] = {str(worker): peak for worker, peak in sorted(self.peaks.items())}
        return parts | {name: self.series[name].to_json() for name in SERIES if name in self.series}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Window:
        """The inverse of ``to_json``."""
        made = cls()
        for name in _NUMBERS:
            setattr(made, name, int(data.get(name, 0)))
        made.outcomes = {Outcome(name): int(count) for name, count in data.get("outcomes", {}).items()}
        made.peaks = {int(worker): int(peak) for worker, peak in data.get("in_flight", {}).items()}
        made.series = {name: Sparse.from_json(data[name]) for name in SERIES if name in data}
        return made


_NUMBERS: Final = ("planned", "sent", "goodput", "input_tokens", "output_tokens")

Windows = dict[int, dict[str, Window]]
"""Window number (from the start of the run) -> class -> Window."""


def coarsen(windows: Windows, factor: int) -> Windows:
    """Windows ``factor`` times as wide."""
    if factor == 1:
        return windows
    wide: Windows = {}
    for number, by_class in windows.items():
        here = wide.setdefault(number // factor, {})
        for cls, window in by_class.items():
            here.setdefault(cls, Window()).merge(window)
    return wide


def as_slice(windows: Iterable[Window]) -> Slice:
    """Windows added up as a Slice: counts, tokens, outcomes, and ``good`` histograms of SERIES (2 digits)."""
    whole = Slice()
    parts: dict[str, list[Sparse]] = {}
    for window in windows:
        whole.goodput += window.goodput
        whole.input_tokens += window.input_tokens
        whole.output_tokens += window.output_tokens
        for outcome, count in window.outcomes.items():
            whole.calls += count
            whole.outcomes[outcome] = whole.outcomes.get(outcome, 0) + count
        for name, sparse in window.series.items():
            parts.setdefault(name, []).append(sparse)
    whole.good = {name: Sparse.pooled(parts[name]) for name in SERIES if name in parts}
    return whole
