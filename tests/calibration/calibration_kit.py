"""Calibrations made up, of a machine whose deviations grow evenly with the load."""

from __future__ import annotations

from typing import Any

from llmload.calibration.calibration import Calibration, Kind, Step
from llmload.calibration.cost import Cost
from llmload.calibration.store import fingerprint
from llmload.metrics.precision import Deviation

__all__ = ["COST", "calibration", "step"]

COST = Cost(idle=0.02, call=300e-6, event=15e-6)
"""52,000 events/s or 2,600 requests/s."""

TOKENS = 40


def deviation(ms: float) -> Deviation:
    return Deviation(ms / 1e3, ms / 1e3, 4 * ms / 1e3, ms / 1e3, 2 * ms / 1e3)


def step(kind: Kind, rate: float, ms: float) -> Step:
    """A load of ``rate`` calls/s that was read ``ms`` late, four times as much at p99."""
    names = ("ttft", "itl", "latency") if kind == "stream" else ("latency",)
    events = rate * TOKENS if kind == "stream" else 0.0
    return Step(kind, rate, rate, events, round(rate * 2), {name: deviation(ms) for name in names})


def calibration(**changes: Any) -> Calibration:
    """Streams read 0.1, 0.2, 0.4 and 2 ms late, answers in one piece 0.3 and 3 ms."""
    parts: dict[str, Any] = {
        "made": "2026-11-20T10:00:00+00:00",
        "machine": fingerprint(),
        "cost": COST,
        "steps": (
            step("stream", 50, 0.1), step("stream", 100, 0.2), step("stream", 200, 0.4), step("stream", 800, 2.0),
            step("whole", 100, 0.3), step("whole", 2000, 3.0),
        ),
    }  # fmt: skip
    return Calibration(**(parts | changes))
