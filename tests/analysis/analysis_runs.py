"""Summaries made window by window out of arrays, for analyses of whole runs: hours of them in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llmload.metrics.buckets import COARSE, FINE, fold
from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.summary import PhaseInfo, Summary, Window
from llmload.records import Outcome

__all__ = ["Made", "phases"]


def phases(**seconds: float) -> tuple[PhaseInfo, ...]:
    """Measured phases one after the other."""
    found: list[PhaseInfo] = []
    for name, lasts in seconds.items():
        start = found[-1].end if found else 0.0
        found.append(PhaseInfo(name, start, start + lasts))
    return tuple(found)


class Made:
    """A run that is being put together; ``summary`` is what it has come to."""

    def __init__(self, infos: tuple[PhaseInfo, ...]) -> None:
        self.summary = Summary(start=1, elapsed=infos[-1].end, phases=infos)

    def second(
        self, at: int, latency: Any = (), errors: Mapping[Outcome, int] | None = None, cls: str = "chat", of: str = ""
    ) -> Made:
        """Calls that were planned and ended in one second: good ones by their ``latency`` (s; it is their time to first
        token, too), and failed ones. ``of``: the phase they belong to, if it is not that of the second."""
        micros = np.round(np.asarray(latency, float) * 1e6).astype(np.int64)
        outcomes = {Outcome.OK: len(micros), **(errors or {})}
        total = sum(outcomes.values())
        window = self.summary.windows.setdefault(at, {}).setdefault(cls, Window())
        unclassed = self.summary.windows[at].setdefault("", Window())
        unclassed.planned += total
        unclassed.sent += total
        unclassed.peaks[0] = unclassed.peaks.get(0, 0) + total
        phase = of or next(info.name for info in self.summary.phases if info.start <= at < info.end)
        cell = self.summary.cells.setdefault(CellKey(cls, "main", "m", phase), Slice())
        cell.calls += total
        for outcome, count in outcomes.items():
            window.outcomes[outcome] = window.outcomes.get(outcome, 0) + count
            cell.outcomes[outcome] = cell.outcomes.get(outcome, 0) + count
        if len(micros):
            where = np.zeros(len(micros), np.int64)
            (coarse,), (fine,) = fold(micros, where, COARSE), fold(micros, where, FINE)
            for name in ("ttft", "latency"):
                window.add(name, coarse.values)
                cell.good.setdefault(name, Histogram()).add(fine.values)
        for name in ("planned", "sent", "completed"):
            setattr(self.summary, name, getattr(self.summary, name) + total)
        return self
