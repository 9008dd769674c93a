"""A run as series: what happened in each window of it, as arrays that statistics can be made of.

A call stands in the window in which it ended (as in ``metrics.windows``), what was planned and sent in the window in
which it was. Times of calls are in seconds; windows in which nothing ended have nan there, and 0 in counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.histogram import Histogram
from llmload.metrics.sparse import Sparse
from llmload.metrics.summary import Summary
from llmload.metrics.windows import SERIES, Window
from llmload.records import Outcome

__all__ = ["Floats", "Series"]

Floats = NDArray[np.float64]

_COUNTS: Final = (
    "planned", "sent", "completed", "ok", "errors", "goodput", "in_flight", "input_tokens", "output_tokens",
)  # fmt: skip


@dataclass(frozen=True)
class Series:
    """Windows one after the other without a gap, ``width`` seconds each; ``at``: where each begins, in seconds since
    the start of the run.

    The other arrays are counts per window. ``in_flight`` is the most calls at once. What is known of no single class
    (planned, sent, in flight) is 0 in the series of one.
    """

    width: float
    at: Floats
    planned: Floats
    sent: Floats
    completed: Floats
    ok: Floats
    errors: Floats
    goodput: Floats
    in_flight: Floats
    input_tokens: Floats
    output_tokens: Floats
    windows: tuple[tuple[Window, ...], ...] = field(repr=False)
    """What each is made of."""

    @classmethod
    def of(cls, summary: Summary, cls_: str | None = None, span: tuple[float, float] | None = None) -> Series:
        """The series of one class or, without ``cls_``, of all calls; of the whole windows in ``span`` (from, to: s)
        or of the whole run, until the last call ended."""
        width = summary.window_seconds
        first, stop = 0, max(summary.windows, default=-1) + 1
        if span is not None:
            first, stop = max(0, int(-(-span[0] // width))), int(span[1] // width)
        chosen = []
        for number in range(first, stop):
            by_class = summary.windows.get(number, {})
            found = by_class.values() if cls_ is None else filter(None, [by_class.get(cls_)])
            chosen.append(tuple(found))
        return cls._made(float(width), first * float(width), chosen)

    @classmethod
    def _made(cls, width: float, start: float, windows: Sequence[tuple[Window, ...]]) -> Series:
        counts = {
            name: np.array([sum(getattr(part, name) for part in parts) for parts in windows], float) for name in _COUNTS
        }
        return cls(width, start + width * np.arange(len(windows), dtype=float), **counts, windows=tuple(windows))

    def __len__(self) -> int:
        return len(self.at)

    @property
    def error_rate(self) -> Floats:
        """Share of the answered calls that failed; nan where none was answered."""
        answered = self.ok + self.errors
        shares: Floats = np.divide(self.errors, answered, out=np.full(len(self), np.nan), where=answered > 0)
        return shares

    def rate(self, name: str) -> Floats:
        """One of the counts per second."""
        return np.asarray(getattr(self, name), float) / self.width

    def outcome(self, outcome: Outcome) -> Floats:
        """How many calls ended so."""
        return np.array([sum(part.outcomes.get(outcome, 0) for part in parts) for parts in self.windows], float)

    def histograms(self, metric: str) -> list[Histogram]:
        """The good calls' values in each window (2 digits), of one of ``ttft``, ``itl``, ``latency``."""
        if metric not in SERIES:
            raise ValueError(f"{metric!r} is not kept second by second; these are: {', '.join(SERIES)}")
        return [
            Sparse.pooled([part.series[metric] for part in parts if metric in part.series]) for parts in self.windows
        ]

    def percentile(self, metric: str, p: float) -> Floats:
        """A percentile (0..100) of each window, in seconds."""
        factor = scale(METRICS[metric])
        return np.array([each.percentile(p) * factor if each.count else np.nan for each in self.histograms(metric)])

    def mean(self, metric: str) -> Floats:
        """The mean of each window, in seconds."""
        factor = scale(METRICS[metric])
        return np.array([each.mean * factor if each.count else np.nan for each in self.histograms(metric)])

    def regrouped(self, factor: int) -> Series:
        """Every ``factor`` windows made one, from the first on; a rest that doesn't fill one is left out."""
        whole = len(self) // factor
        groups = [
            tuple(part for parts in self.windows[n * factor : (n + 1) * factor] for part in parts) for n in range(whole)
        ]
        made = self._made(self.width * factor, float(self.at[0]) if len(self) else 0.0, groups)
        peaks = self.in_flight[: whole * factor].reshape(whole, factor).max(axis=1, initial=0.0)
        made.in_flight[:] = peaks
        return made
