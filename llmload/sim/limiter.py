"""Rate limits per API key: a token bucket each."""

from __future__ import annotations

import math
from typing import NamedTuple

from llmload.clock import NS

__all__ = ["Bucket", "LimitState"]


class LimitState(NamedTuple):
    """What a server says of a rate limit: requests at most, those left, and the seconds until all of them are again."""

    limit: int
    remaining: int
    reset: float


class Bucket:
    """Lets ``rate`` requests/s through, and ``burst`` at once."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst or max(1, math.ceil(rate)))
        self._level = self._burst
        self._at = 0

    def take(self, t: int) -> float:
        """Take one at time ``t`` (ns): 0.0 if it was there, else the seconds until it will be."""
        self._level = min(self._burst, self._level + (t - self._at) / NS * self._rate)
        self._at = t
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self._rate

    def state(self) -> LimitState:
        """How much of it is left."""
        return LimitState(int(self._burst), int(self._level), (self._burst - self._level) / self._rate)
