"""Anomalies while a run goes on: told once each, soon after they begin, without thresholds set by hand."""

from __future__ import annotations

import math
from typing import Final

from llmload.analysis.anomalies import Anomaly, anomalies
from llmload.analysis.trend import steady_load
from llmload.metrics.summary import Summary

__all__ = ["Watch"]

_EVERY: Final = 5.0
"""Seconds from one look to the next."""
_AGO: Final = 300.0
"""How far a look goes back (s): what is usual is what was usual lately."""
_SETTLED: Final = 2.0
"""Age (s) from which a window has all its calls: they come from the workers twice a second."""


class Watch:
    """Looks at a run of so many planned ``seconds``, of which fewer than one in twenty has a false alarm."""

    def __init__(self, seconds: float) -> None:
        self._seconds: Final = seconds
        self._due = 0.0
        self._told = -math.inf

    def look(self, summary: Summary) -> tuple[Anomaly, ...]:
        """Those that began since the last one that was told; of measured phases of steady load."""
        now = math.floor(summary.elapsed - _SETTLED)
        if now < self._due:
            return ()
        self._due = now + _EVERY
        phase = next((info for info in summary.phases if info.measure and info.start < now <= info.end), None)
        if phase is None:
            return ()
        span = (max(phase.start, now - _AGO), float(now))
        if not steady_load(summary, span):
            return ()
        found = [each for each in anomalies(summary, span, self._seconds) if each.start > self._told]
        self._told = max([self._told, *(each.end + _SETTLED for each in found)])
        return tuple(found)
