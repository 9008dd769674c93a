"""How many workers a run gets, and what its user should hear of that before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator

from llmload.arrivals.closed import Users
from llmload.calibration.store import Stored
from llmload.cluster.crew import Crew, asked, choose, shortages
from llmload.errors import UsageError
from llmload.room import room
from llmload.scenario.plan import Plan
from llmload.units import counted

__all__ = ["briefing", "staff"]


def staff(plan: Plan, workers: int | None, known: Stored | None = None) -> Crew:
    """The workers ``plan`` is run by: so many, or (None) as many as its load takes and this machine has room for.

    Raises UsageError where there are more of them than places under a cap.
    """
    calibration = known.calibration if known is not None else None
    capacity = calibration.capacity if calibration is not None else None
    if workers is None:
        return choose(plan, room().cores, capacity)
    load = plan.load
    caps = {"max_in_flight": load.max_in_flight, "users": Users(load.users).peak() if load.users is not None else None}
    for name, most in caps.items():
        # A worker with no share of a cap would hold its share of the schedule for ever.
        if most is not None and most < workers and load.model != "closed":
            raise UsageError(f"{workers} workers can't share {name} = {most}: use --workers {max(1, most)}")
    return asked(plan, workers, room().cores, capacity)


def briefing(plan: Plan, crew: Crew) -> list[str]:
    """Why there are so many workers and what they are given to do; what the planned load won't fit into."""
    return [crew.why, *shortages(plan, crew.workers, room()), *_counts(plan)]


def _counts(plan: Plan) -> Iterator[str]:
    """Which prompts the targets have counted."""
    for cls in plan.classes:
        if cls.prompt.fitted is not None:
            prompts = counted(len(cls.prompt.fitted.pool), "prompt")
            yield f"class {cls.name}: {prompts} of the wished length, counted by target {cls.targets[0]}"
