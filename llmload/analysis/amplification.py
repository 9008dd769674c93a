"""Retry storms: what clients that try again add to a load that is already too much.

The *amplification* of a stretch is attempts per call: 1 where nothing is tried again. A service that fails calls gets
more requests for it, fails more, and may never come back although the calls themselves are no more than before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from llmload.metrics.summary import Summary

__all__ = ["STORM", "Amplified", "amplified"]

STORM: Final = 1.5
"""Attempts per call from which retries count as a storm."""
_LEAST: Final = 20
"""Calls that a stretch must have."""


@dataclass(frozen=True, slots=True)
class Amplified:
    """A phase whose calls were tried again. ``factor``: attempts per call; ``failed``: the share of its calls that
    failed all the same, in the end."""

    phase: str
    calls: int
    attempts: int
    failed: float

    @property
    def factor(self) -> float:
        """Attempts per call."""
        return self.attempts / self.calls

    @property
    def storm(self) -> bool:
        """Retries were a load of their own."""
        return self.factor >= STORM


def amplified(summary: Summary) -> tuple[Amplified, ...]:
    """The measured phases in which calls were tried again, in the order of the run."""
    found = []
    for info in summary.phases:
        calls = summary.select(phase=info.name)
        if info.measure and calls.further_attempts and calls.calls >= _LEAST:
            attempts = calls.calls + calls.further_attempts
            found.append(Amplified(info.name, calls.calls, attempts, calls.error_rate))
    return tuple(found)
