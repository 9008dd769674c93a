"""A run's workers: chosen and said, killed and accounted for, up to the result that people read."""

from __future__ import annotations

import psutil
import pytest
from virtual_run import plan_of

from llmload.app.session import Options, run_plan
from llmload.app.staff import briefing, staff
from llmload.engine.run import due
from llmload.errors import UsageError
from llmload.metrics.summary import Summary
from llmload.outputs.base import Finished
from llmload.scenario.plan import Plan
from llmload.verdict.validity import Level

SLOW = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
max_tokens = 10
[load]
process = "poisson"
rate = "60/s"
duration = "3s"
[sim]
first_token = "300ms"
"""


class Assassin:
    """An output that kills one of the workers as soon as calls have ended."""

    name = "assassin"

    def __init__(self) -> None:
        self.killed = 0

    def start(self, plan: Plan) -> None:
        """Nothing to get ready."""

    def update(self, delta: Summary, total: Summary) -> None:
        if total.completed > 5 and not self.killed:
            workers = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
            self.killed = workers[0].pid
            workers[0].kill()

    def finish(self, result: Finished | None) -> None:
        """Nothing to let go of."""


def test_a_run_that_lost_a_worker_is_invalid_and_says_what_was_not_sent() -> None:
    plan, assassin = plan_of(SLOW), Assassin()
    result = run_plan(plan, Options(workers=2, outputs=(assassin,)))
    assert assassin.killed
    summary = result.summary
    unsent = sum(health.unsent for health in summary.health.values())
    assert unsent > 0
    assert summary.planned + unsent == due(plan, 0, 1)
    assert sum(summary.select().outcomes.values()) == summary.planned
    reason = next(reason for reason in result.validity.reasons if reason.code == "lost_worker")
    assert reason.level is result.validity.level is Level.INVALID
    assert reason.text.startswith(f"1 of 2 workers died: {unsent} of {due(plan, 0, 1)} planned calls (")
    assert int(result.exit_status()) == 3
    assert any("was ended by SIGKILL" in note and f"{unsent} of its " in note for note in result.notes)


def test_without_a_number_a_run_takes_what_it_needs_and_its_result_says_why() -> None:
    result = run_plan(plan_of(SLOW, 'load.duration="500ms"'), Options(workers=None))
    assert result.workers == 1
    assert any(note.startswith("1 worker: the peak of 60.0/s and 600 events/s takes ") for note in result.notes)


def test_a_number_that_was_asked_for_is_taken_and_its_load_told() -> None:
    crew = staff(plan_of(SLOW), 7)
    assert (crew.workers, crew.wanted) == (7, 1)
    assert briefing(plan_of(SLOW), crew) == [crew.why]
    assert crew.why.startswith("7 workers, as asked for: the peak of 60.0/s and 600 events/s takes ")


@pytest.mark.parametrize("cap", ["load.max_in_flight=2", "load.users=2"])
def test_more_workers_than_places_are_refused_when_asked_for_and_never_chosen(cap: str) -> None:
    plan = plan_of(SLOW, cap)
    with pytest.raises(UsageError, match="use --workers 2"):
        staff(plan, 3)
    assert staff(plan_of(SLOW, cap, 'load.rate="9000/s"'), None).workers <= 2
