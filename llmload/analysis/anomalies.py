"""Anomalies at a steady load: moments that stand out from what is around them, without thresholds set by hand.

Each stretch of a phase is held against its neighbours: its slowness against their running median, in units of how
such differences vary in the whole phase (the median absolute deviation); its failed calls against theirs
(beta-binomial); and that no call ended at all against how many ended there (Poisson). What is called an anomaly would
be seen in less than 5 % of healthy phases: the bound is that of a normal deviate divided among all stretches and
kinds (Bonferroni), and slowness is taken to have the tails of Student's t with ten degrees of freedom, since means of
few latencies have heavier ones.

A level that changes for longer than a neighbourhood is a change point, a slow growth a trend: neither is an anomaly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from llmload.analysis.cusum import count_score, normal_score
from llmload.analysis.pace import FINEST, Pace, Span, pace
from llmload.analysis.series import Floats
from llmload.metrics.summary import Summary
from llmload.units import format_seconds, format_share

__all__ = ["LEAST", "Anomaly", "anomalies", "stand_outs"]

LEAST: Final = 30
"""Stretches of a phase in which something can stand out."""
_AROUND: Final = 15
"""Stretches on each side that are the neighbourhood."""
_APART: Final = 3
"""Stretches on each side that may be part of the same anomaly, and no neighbours therefore; it is also how far two may
lie apart and still be one."""
Flags = NDArray[np.bool_]

_CHANCE: Final = 0.05
_KINDS: Final = 3
_FREEDOM: Final = 10.0
_TO_DEVIATION: Final = 1 / NormalDist().inv_cdf(0.75)
"""From a median absolute deviation to the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """From ``start`` to ``end`` (s) of the run; ``what``: "latency", "errors" or "silence". ``worst``: of latency, the
    multiple of what is usual around it; of errors, the share of failed calls; of silence, 0."""

    start: float
    end: float
    what: str
    worst: float

    def words(self) -> str:
        """In a few words."""
        said = {
            "latency": f"latency {self.worst:.1f}x what is usual around it",
            "errors": f"{format_share(self.worst)} of calls failed",
            "silence": "no call ended",
        }
        return f"{said[self.what]} at {format_seconds(self.start)}, for {format_seconds(self.end - self.start)}"


def anomalies(summary: Summary, span: Span, of: float = 0.0) -> tuple[Anomaly, ...]:
    """Of a stretch of steady load (s), in order; none where it is too short to say. ``of``: seconds that are looked at
    in all, where this is a part of them: the bound is made for so many."""
    found = pace(summary, span, ())
    return stand_outs(found[0], of) if found is not None else ()


def stand_outs(found: Pace, of: float = 0.0) -> tuple[Anomaly, ...]:
    """The stretches that stand out, neighbouring ones joined."""
    if len(found) < LEAST:
        return ()
    chance = _CHANCE / (_KINDS * max(len(found), of / found.width))
    bound = NormalDist().inv_cdf(1 - chance)
    excess, scores = _slowness(found)
    failed = _failures(found, bound)
    silent = (found.answered == 0) & (_middles(found.answered) > -math.log(chance))
    shares = np.divide(found.failed, found.answered, out=np.zeros(len(found)), where=found.answered > 0)
    kinds = {
        "latency": (scores > bound, np.exp(np.minimum(excess, 50.0))),
        "errors": (failed, shares),
        "silence": (silent, np.zeros(len(found))),
    }
    every = [each for what, (out, size) in kinds.items() for each in _joined(found, what, out, size)]
    return tuple(sorted(every, key=lambda each: each.start))


def _slowness(found: Pace) -> tuple[Floats, Floats]:
    """How far each stretch is above what is around it, and how unusual that is, as a normal deviate."""
    excess = found.slow - _middles(found.slow)
    spread = max(FINEST, float(np.nanmedian(np.abs(excess))) * _TO_DEVIATION) if found.good.any() else FINEST
    fewer = np.sqrt(np.maximum(1.0, np.median(found.good) / np.maximum(found.good, 1.0)))
    excess = np.nan_to_num(excess)
    return excess, normal_score(excess / (spread * fewer), _FREEDOM)


def _middles(values: Floats) -> Floats:
    """The median of each value's neighbourhood, itself included; at the ends it reaches further into the series."""
    wide = 2 * _AROUND + 1
    inner = np.lib.stride_tricks.sliding_window_view(values, min(wide, len(values)))
    known = np.where(np.isnan(inner).all(axis=1, keepdims=True), 0.0, inner)
    medians = np.nanmedian(known, axis=1)
    left = (len(values) - len(medians)) // 2
    return np.concatenate([np.full(left, medians[0]), medians, np.full(len(values) - len(medians) - left, medians[-1])])


def _failures(found: Pace, bound: float) -> Flags:
    """Whether more calls failed than the neighbours' would let expect."""
    out = np.zeros(len(found), bool)
    for n in np.flatnonzero(found.failed).tolist():
        near = np.arange(max(0, n - 2 * _AROUND), min(len(found), n + 2 * _AROUND + 1))
        near = near[np.abs(near - n) > _APART]
        before, of_before = int(found.failed[near].sum()), int(found.answered[near].sum())
        out[n] = count_score(int(found.failed[n]), int(found.answered[n]), before, of_before) > bound
    return out


def _joined(found: Pace, what: str, out: Flags, size: Floats) -> Iterator[Anomaly]:
    places = np.flatnonzero(out)
    if not len(places):
        return
    for group in np.split(places, np.flatnonzero(np.diff(places) > _APART) + 1):
        start, end = float(found.at[group[0]]), float(found.at[group[-1]]) + found.width
        yield Anomaly(start, end, what, float(size[group].max()))
