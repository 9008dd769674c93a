"""Which answers of a probe show that the server stood still, and for how long. Pure.

An answer that comes more than ``limit`` later than usual was held up; usual is the median of those that were not. Every
probe that goes out while a server stands still has to wait until it goes on, so the first of them waited longest, and
the stall began after the answer before it: between the two lies what is not known, at most the time from one probe to
the next.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from llmload.metrics.buckets import COARSE, fold
from llmload.metrics.histogram import Histogram
from llmload.metrics.probed import Stall

__all__ = ["Asked", "StallFinder"]

_REMEMBERED: Final = 2048
_FEW: Final = 10
"""Answers that say what is usual, at least."""


class Asked(NamedTuple):
    """A probe: when it was ``sent``, when it was over (``end``), and for how long the prober may not have noticed that
    (``nap``); seconds on one clock. ``answered``: it was, at last."""

    sent: float
    end: float
    nap: float = 0.0
    answered: bool = True


class StallFinder:
    """Takes probes in the order in which they were over. ``doubtful``: how many may have been late or not, as the
    prober itself was."""

    def __init__(self, limit: float) -> None:
        self.doubtful = 0
        self._limit: Final = limit
        self._usual: Final = Histogram(COARSE)
        self._ends: Final[deque[float]] = deque(maxlen=_REMEMBERED)
        """When the last probes were answered, or earlier: when the server was awake for sure."""

    def find(self, probes: Sequence[Asked]) -> list[Stall]:
        """The stalls that these show, one for each late answer: those that overlap are the same."""
        chunks = (probes[at : at + _FEW] for at in range(0, len(probes), _FEW))
        return [stall for chunk in chunks for stall in self._find(chunk)]

    def _find(self, probes: Sequence[Asked]) -> list[Stall]:
        enough = self._usual.count >= _FEW
        limit = self._usual.percentile(50) / 1e6 + self._limit if enough else math.inf
        found = [stall for each in probes if (stall := self._look(each, limit)) is not None]
        usual = [each.end - each.sent for each in probes if each.answered and each.end - each.sent <= limit]
        micros = np.array([round(took * 1e6) for took in usual], np.int64)
        for _, counts in fold(micros, np.zeros(len(micros), np.int64), COARSE):
            self._usual.add(counts)
        return found

    def _look(self, each: Asked, limit: float) -> Stall | None:
        took = each.end - each.sent
        if each.answered:
            self._ends.append(each.end - each.nap)
        if took <= limit:
            return None
        if took - each.nap <= limit:
            self.doubtful += 1
            return None
        before = max((end for end in self._ends if end <= each.sent), default=each.sent)
        return Stall(each.sent, took, each.sent - before, each.nap)
