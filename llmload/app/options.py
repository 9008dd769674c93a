"""How a plan is to be run: what is not in the scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from llmload.calibration.store import Stored
from llmload.dashboard.live import Display, QuietDisplay
from llmload.metrics.summary import Summary
from llmload.outputs.base import Output

__all__ = ["Options"]


@dataclass(slots=True)
class Options:
    """``until``: asked once a second why it may end, or ""."""

    workers: int | None = 1
    """None: as many as the planned load takes."""
    display: Display = field(default_factory=QuietDisplay)
    outputs: tuple[Output, ...] = ()
    chunks: bool = False
    """Request-log lines carry the time of every chunk."""
    truth_log: Path | None = None
    """Where the embedded simulator logs what it really sent, and when."""
    calibrated: Stored | None = None
    """What is known of this machine: for a warning beforehand and the result's error bar. None: nobody asked."""
    until: Callable[[Summary, float], str] = lambda _summary, _seconds: ""
    ping: bool = False
    """Measure the way to each target, but the embedded simulator, shortly before the load and after it."""
    notes: tuple[str, ...] = ()
    """What was found before the run, for its result."""
