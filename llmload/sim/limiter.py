"""Rate limits per API key: a token bucket each."""

from __future__ import annotations

import math

from llmload.clock import NS

__all__ = ["Bucket"]


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

    def headers(self) -> list[tuple[str, str]]:
        """The state as OpenAI's ``x-ratelimit-*`` headers tell it."""
        reset = (self._burst - self._level) / self._rate
        return [
            ("x-ratelimit-limit-requests", str(int(self._burst))),
            ("x-ratelimit-remaining-requests", str(int(self._level))),
            ("x-ratelimit-reset-requests", f"{math.ceil(reset * 1000)}ms" if reset < 1 else f"{reset:.3f}s"),
        ]
