"""Work that a service leaves for later, as one does that bills its requests after they are answered: a queue and a
worker. Pure, without a timer: who asks how long the queue is says when, and what was done meanwhile is made up for."""

from __future__ import annotations

from typing import Final

from llmload.sim.spec import BillingSpec

__all__ = ["Backlog"]


class Backlog:
    """Jobs that wait, as time goes on (seconds, never backwards). The worker takes a job every 1 / ``rate`` s."""

    def __init__(self, spec: BillingSpec) -> None:
        self._rate: Final = spec.rate
        self._at = 0.0
        self._depth = 0.0
        self.added = 0

    def add(self, t: float) -> None:
        """One more job."""
        self._pass(t)
        self._depth += 1
        self.added += 1

    def depth(self, t: float) -> int:
        """Jobs that are not done yet, the one under way included."""
        self._pass(t)
        return -int(-self._depth // 1)

    def _pass(self, t: float) -> None:
        if t > self._at:
            self._depth = max(0.0, self._depth - (t - self._at) * self._rate)
            self._at = t
