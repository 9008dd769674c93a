"""What one picture shows: everything the dashboard knows at a moment, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from llmload.metrics.summary import Summary
from llmload.verdict.judge import Judgement
from llmload.verdict.validity import Validity

__all__ = ["Frame", "Stage"]

Stage = Literal["starting", "running", "draining", "done"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment of a run.

    ``elapsed`` and ``duration`` are seconds of the schedule; ``planned_rate`` gives calls per second at such a
    time, None where no rate is planned (closed model: then ``users`` is how many there should be now).
    ``in_flight`` is the number of calls open now. ``judgements`` and ``validity`` are of the summary so far.
    """

    title: str
    target: str
    summary: Summary
    stage: Stage = "running"
    phase: str = ""
    elapsed: float = 0.0
    duration: float = 0.0
    planned_rate: Callable[[float], float] | None = None
    users: int = 0
    in_flight: int = 0
    judgements: tuple[Judgement, ...] = ()
    validity: Validity | None = None
    messages: tuple[str, ...] = ()
