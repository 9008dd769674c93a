"""Autoscaling: replicas of the model that come and go with how busy they are. Pure.

Every ``every`` seconds the mean utilisation since the last look decides: above ``out`` one more replica is started,
which works ``delay`` later; below ``in`` one is taken away. It is the rule of Kubernetes' horizontal autoscaler, one
step at a time. Utilisation is what runs or waits, over what can run at once, at most 1.

There is no timer: who knows of a change says so (``look``), and what was due before it is made up for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmload.sim.faults import Scaling
from llmload.sim.spec import ScalingSpec

__all__ = ["Scaler"]


class Scaler:
    """How many replicas there are, as time goes on. Times are seconds of the run."""

    def __init__(self, spec: ScalingSpec, faults: Sequence[Scaling]) -> None:
        self._spec: Final = spec
        self._faults: Final = tuple(faults)
        self.replicas = spec.least
        """That work now."""
        self.caches = spec.least
        """Those of them that bring memory with them."""
        self._wanted = spec.least
        """Those included that are being started."""
        self._starting: list[float] = []
        """When each of these will work."""
        self._busy = 0.0
        self._work = 0.0
        """Utilisation times seconds, since the last decision."""
        self._at = 0.0
        self._next = spec.every

    def look(self, t: float, busy: float) -> int:
        """From ``t`` on the utilisation is ``busy``. Returns the replicas that work then."""
        while self._next <= t:
            self._pass(self._next)
            self._decide(self._next)
            self._next += self._spec.every
        self._pass(t)
        self._busy = min(1.0, busy)
        self.caches = self._spec.least if self._how(t) == "compute" else self.replicas
        return self.replicas

    def _pass(self, t: float) -> None:
        """Time goes on to ``t``."""
        if t > self._at:
            self._work += self._busy * (t - self._at)
            self._at = t
        while self._starting and self._starting[0] <= t:
            self._starting.pop(0)
            self.replicas += 1

    def _decide(self, t: float) -> None:
        spec = self._spec
        mean, self._work = self._work / spec.every, 0.0
        how = self._how(t)
        if how == "thrash":
            self._want(spec.least if self._wanted > spec.least else spec.most, t)
        elif how != "never" and mean > spec.out:
            self._want(min(spec.most, self._wanted + 1), t)
        elif how != "never" and mean < spec.in_:
            self._want(max(spec.least, self._wanted - 1), t)

    def _how(self, t: float) -> str:
        """What goes wrong with it, "" if nothing does."""
        return next((fault.how for fault in self._faults if fault.active(t)), "")

    def _want(self, replicas: int, t: float) -> None:
        """More come later; fewer are gone at once, those first that do not work yet."""
        for _ in range(replicas - self._wanted):
            self._starting.append(t + self._spec.delay)
        for _ in range(self._wanted - replicas):
            if self._starting:
                self._starting.pop()
            else:
                self.replicas -= 1
        self._wanted = replicas
