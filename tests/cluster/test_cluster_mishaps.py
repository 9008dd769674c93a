"""Workers that are killed, stopped or hang: the run goes on, ends in time, and says exactly what is missing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest
from virtual_run import plan_of

from llmload.app.simulated import with_simulator
from llmload.cluster import local
from llmload.cluster.local import LocalCluster, Lost, Silent, WorkerCrash
from llmload.engine.run import due
from llmload.errors import ExitStatus
from llmload.metrics.summary import Summary
from llmload.records import Outcome, Record
from llmload.scenario.plan import Plan

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
rate = "80/s"
duration = "2s"
[sim]
first_token = "300ms"
"""
CLOSED = SLOW.replace('rate = "80/s"', "users = 12").replace('process = "poisson"\n', "")


def carry_out(
    plan: Plan, workers: int, act: Callable[[LocalCluster, Summary], None]
) -> tuple[Summary, list[Lost | Silent], list[Record]]:
    """Run it; ``act`` may interfere, several times a second."""
    seen: list[Record] = []
    events: list[Lost | Silent] = []
    total = Summary()
    with with_simulator(plan) as (resolved, _), LocalCluster(resolved, workers, seen.append) as cluster:
        cluster.begin()
        for event in cluster.events():
            if event is not None:
                events.append(event)
            total.merge(cluster.take())
            act(cluster, total)
        total.merge(cluster.take())
    return total, events, seen


def killer(*numbers: int) -> Callable[[LocalCluster, Summary], None]:
    """Kills these workers once some calls are over and more are under way."""
    doomed = list(numbers)

    def act(cluster: LocalCluster, total: Summary) -> None:
        if total.completed > 10 and cluster.in_flight > 10:
            while doomed:
                os.kill(cluster.pids[doomed.pop()], signal.SIGKILL)

    return act


def test_what_a_killed_worker_had_to_do_is_accounted_for_to_the_last_call() -> None:
    plan = plan_of(SLOW)
    total, events, seen = carry_out(plan, 3, killer(1))
    (lost,) = events
    assert isinstance(lost, Lost)
    assert lost.worker == 1
    assert lost.how == "was ended by SIGKILL (by someone, or by the system because memory ran out)"
    assert lost.loss.due == due(plan, 1, 3)
    assert 0 < lost.loss.unsent < lost.loss.due
    whole = due(plan, 0, 1)
    assert {worker: health.unsent for worker, health in total.health.items()} == {0: 0, 1: lost.loss.unsent, 2: 0}
    assert total.planned + lost.loss.unsent == whole
    outcomes = total.select().outcomes
    assert outcomes == {Outcome.OK: total.completed, Outcome.UNFINISHED: lost.loss.unfinished}
    assert sum(outcomes.values()) == total.planned, "what became of calls adds up to those planned"
    cut = [record for record in seen if record.outcome is Outcome.UNFINISHED]
    assert len(cut) == lost.loss.unfinished > 0
    assert {record.worker for record in cut} == {1}
    assert len({record.call.index for record in seen}) == len(seen) == total.planned
    others = {record.call.index for record in seen if record.worker != 1}
    assert others == {index for index in range(whole) if index % 3 != 1}, "its load is not moved to others"
    assert str(lost).startswith("worker 1 was ended by SIGKILL (by someone, or by the system because memory ran out), ")
    assert f"{lost.loss.unsent} of its {lost.loss.due} calls" in str(lost)
    assert str(lost).endswith(f"; {lost.loss.unfinished} calls under way were lost with it")


RETRYING = (
    SLOW.replace("[classes.chat]\n", '[classes.chat]\nretry = "patient"\n').replace("300ms", "20ms")
    + """
faults = [{ kind = "error", status = 503, rate = "50%" }]
[retries.patient]
attempts = 3
first = "700ms"
factor = 1
jitter = "none"
"""
)


def test_calls_of_a_killed_worker_that_wait_to_be_tried_again_are_unfinished_and_none_vanishes() -> None:
    plan = plan_of(RETRYING)
    doomed = [1]

    def act(cluster: LocalCluster, total: Summary) -> None:
        if total.select().further_attempts > 20 and doomed:
            os.kill(cluster.pids[doomed.pop()], signal.SIGKILL)

    total, (lost,), seen = carry_out(plan, 3, act)
    assert isinstance(lost, Lost)
    outcomes = total.select().outcomes
    assert sum(outcomes.values()) == total.planned
    assert total.planned + lost.loss.unsent == due(plan, 0, 1)
    assert outcomes[Outcome.UNFINISHED] == lost.loss.unfinished
    final = [record for record in seen if record.final]
    assert len({record.call.index for record in final}) == len(final) == total.planned, "each call ends once"
    cut = {record.call.index for record in final if record.outcome is Outcome.UNFINISHED}
    waited = {record.call.index for record in seen if not record.final and record.worker == 1}
    ended = {record.call.index for record in final if record.worker == 1} - cut
    waiting = waited - ended
    assert len(waiting) > 3
    assert waiting <= cut
    assert total.select().further_attempts == len(seen) - len(final), "attempts that were told of are kept"
    assert {record.worker for record in final if record.outcome is Outcome.UNFINISHED} == {1}


def test_a_run_whose_workers_are_all_killed_ends_at_once_and_has_all_its_calls() -> None:
    plan = plan_of(SLOW)
    total, events, _ = carry_out(plan, 2, killer(0, 1))
    assert sorted(event.worker for event in events if isinstance(event, Lost)) == [0, 1]
    unsent = sum(health.unsent for health in total.health.values())
    assert unsent > 0
    assert total.planned + unsent == due(plan, 0, 1)
    assert total.select().calls == total.planned


def test_users_of_a_killed_worker_are_gone_and_their_calls_under_way_counted() -> None:
    total, (lost,), _ = carry_out(plan_of(CLOSED), 3, killer(2))
    assert isinstance(lost, Lost)
    assert (lost.loss.due, lost.loss.unsent) == (0, 0)
    assert 0 < lost.loss.unfinished <= 4
    assert total.select().calls == total.planned
    assert "its users are gone" in str(lost)


def test_a_worker_that_hangs_is_told_of_and_the_run_ends_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_SILENT_SECONDS", 1.0)
    monkeypatch.setattr(local, "_GIVEN_UP_SECONDS", 1.5)
    stopped: list[bool] = []

    def act(cluster: LocalCluster, total: Summary) -> None:
        if total.completed > 10 and not stopped:
            os.kill(cluster.pids[0], signal.SIGSTOP)
            stopped.append(True)

    plan = plan_of(SLOW)
    total, events, _ = carry_out(plan, 2, act)
    silent, lost = events[-2:]
    assert isinstance(silent, Silent)
    assert silent.worker == 0
    assert silent.seconds >= 1
    assert str(silent).startswith("worker 0 has not been heard of for ")
    assert str(silent).endswith(": is it stopped?")
    assert isinstance(lost, Lost)
    assert lost.how.startswith("was not heard of for ")
    assert total.planned + total.health[0].unsent == due(plan, 0, 1)


def test_a_worker_that_comes_back_is_told_of_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_SILENT_SECONDS", 1.0)
    state: list[str] = []

    def act(cluster: LocalCluster, total: Summary) -> None:
        if total.completed > 10 and not state:
            os.kill(cluster.pids[0], signal.SIGSTOP)
            state.append("stopped")

    plan = plan_of(SLOW)
    with with_simulator(plan) as (resolved, _), LocalCluster(resolved, 1) as cluster:
        cluster.begin()
        total, events = Summary(), []
        for event in cluster.events():
            total.merge(cluster.take())
            act(cluster, total)
            if event is not None:
                events.append(event)
                os.kill(cluster.pids[0], signal.SIGCONT)
        total.merge(cluster.take())
    told = [(event.worker, bool(event.seconds)) for event in events if isinstance(event, Silent)]
    assert told[:2] == [(0, True), (0, False)]
    assert str(events[1]) == "worker 0 is back"
    assert total.planned == due(plan, 0, 1), "all was sent in the end, late"


def test_nobodys_silence_counts_while_the_parent_itself_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_SILENT_SECONDS", 0.5)
    slept: list[bool] = []

    def act(cluster: LocalCluster, total: Summary) -> None:
        if total.completed > 10 and not slept:
            slept.append(True)
            for worker in cluster._workers:
                worker.heard -= 100  # as if nothing had been read meanwhile
            time.sleep(1.2)

    _, events, _ = carry_out(plan_of(SLOW), 1, act)
    assert slept
    assert events == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_worker_that_is_ended_while_starting_is_named_with_its_signal(number: signal.Signals) -> None:
    with with_simulator(plan_of(SLOW)) as (plan, _), LocalCluster(plan, 2) as cluster:
        os.kill(cluster.pids[1], number)
        with pytest.raises(
            WorkerCrash, match=f"worker 1 was ended by {number.name}.* while starting; nothing was sent"
        ):
            cluster.begin()
    assert WorkerCrash.status is ExitStatus.INVALID


def test_a_worker_that_never_gets_ready_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_START_SECONDS", 3.0)
    with with_simulator(plan_of(SLOW)) as (plan, _), LocalCluster(plan, 2) as cluster:
        os.kill(cluster.pids[1], signal.SIGSTOP)
        with pytest.raises(WorkerCrash, match=r"not ready within 3 s: worker (0, )?1; nothing was sent"):
            cluster.begin()
