"""A gateway before two providers: a circuit breaker that leaves the first for the second when it fails. Pure.

Closed: all requests go to the primary. ``failures`` of them in a row trip it; ``delay`` later it is open, and requests
go to the fallback. After ``open`` it is half-open: one request tries the primary. If that works it closes, otherwise
it is open for as long again.
"""

from __future__ import annotations

from typing import Final

from llmload.sim.script import Script
from llmload.sim.spec import GatewaySpec

__all__ = ["CLOSED", "HALF_OPEN", "OPEN", "Gateway"]

CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half-open"
_FAULT: Final = "outage"
_NOBODY: Final = "No provider is available."


class Gateway:
    """The state of one."""

    def __init__(self, spec: GatewaySpec) -> None:
        self._spec: Final = spec
        self._failed = 0
        """Failures of the primary in a row."""
        self._tripped: float | None = None
        """When there were too many of them."""
        self._opened: float | None = None

    def serve(self, t: float, script: Script) -> tuple[str, str]:
        """Who serves a request that comes at ``t`` (s), and the state that it found; what goes wrong is written into
        its script."""
        state = self._state(t, script)
        spec = self._spec
        if state == OPEN:
            return self._second(script), state
        down = script.outages.get("primary")
        self._learn(t, down is not None and not script.unbroken, state)
        if down is None:
            return spec.primary, state
        if spec.retry and spec.fallback and not script.alone:
            script.slowed = _FAULT
            script.first += down[1]
            return self._second(script), state
        return _failing(spec.primary, down, script), state

    def _state(self, t: float, script: Script) -> str:
        if script.alone:
            return CLOSED
        if self._opened is None and self._tripped is not None:
            due = self._tripped + self._spec.delay + script.switching
            if t >= due:
                self._opened = due
        if self._opened is None:
            return CLOSED
        return OPEN if t < self._opened + self._spec.open else HALF_OPEN

    def _learn(self, t: float, failed: bool, state: str) -> None:
        """How the primary took it."""
        if state == HALF_OPEN:
            self._opened = t if failed else None
            self._tripped = t if failed else None
        self._failed = self._failed + 1 if failed else 0
        if self._failed >= self._spec.failures and self._tripped is None:
            self._tripped = t

    def _second(self, script: Script) -> str:
        name = self._spec.fallback
        if not name:
            script.replace(_FAULT, lambda stage: stage.refuse(503, _NOBODY, "no_provider"))
            return ""
        down = script.outages.get("fallback")
        return name if down is None else _failing(name, down, script)


def _failing(name: str, down: tuple[int, float], script: Script) -> str:
    status, after = down
    script.wait += after
    script.replace(_FAULT, lambda stage: stage.refuse(status, f"The provider {name} failed.", "provider_error"))
    return name
