"""Workers in processes of their own: one that dies does not take the run with it."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from virtual_run import plan_of

from llmload.app.simulated import with_simulator
from llmload.cluster.local import LocalCluster, Lost
from llmload.cluster.messages import Failed
from llmload.errors import InterruptedRun, UnreachableError, UsageError
from llmload.metrics.summary import Summary

SHORT = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
max_tokens = 10
[load]
process = "uniform"
rate = "30/s"
duration = "3s"
"""


def test_shards_add_up_to_the_plan() -> None:
    with with_simulator(plan_of(SHORT)) as (plan, _), LocalCluster(plan, 2) as cluster:
        cluster.begin()
        total = Summary()
        assert [event for event in cluster.events() if event is not None] == []
        total.merge(cluster.take())
    assert (total.planned, total.completed) == (90, 90)
    assert set(total.health) == {0, 1}


def test_calls_in_flight_are_counted_also_where_nothing_begins_or_ends() -> None:
    one = ("load.rate=2/s", "load.duration=1s", 'sim.first_token="3s"')
    with with_simulator(plan_of(SHORT, *one)) as (plan, _), LocalCluster(plan, 1) as cluster:
        cluster.begin()
        total = Summary()
        assert [event for event in cluster.events() if event is not None] == []
        total.merge(cluster.take())
    assert [total.windows[second][""].in_flight for second in range(3)] == [2, 2, 2]


def test_a_killed_worker_is_reported_and_the_others_go_on() -> None:
    with with_simulator(plan_of(SHORT)) as (plan, _), LocalCluster(plan, 2) as cluster:
        cluster.begin()
        total, lost, killed = Summary(), [], False
        for event in cluster.events():
            total.merge(cluster.take())
            if isinstance(event, Lost):
                lost.append(event.worker)
            if total.completed > 10 and not killed:
                os.kill(cluster.pids[1], signal.SIGKILL)
                killed = True
        total.merge(cluster.take())
    assert lost == [1]
    assert 45 < total.planned < 90


def test_no_worker_outlives_the_cluster() -> None:
    with with_simulator(plan_of(SHORT)) as (plan, _):
        with LocalCluster(plan, 1) as cluster:
            cluster.begin()
            pid = cluster.pids[0]
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_an_unreachable_target_is_told_before_the_run() -> None:
    plan = plan_of(SHORT, 'targets.main.base_url="http://127.0.0.1:1/v1"')
    with LocalCluster(plan, 1) as cluster, pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        cluster.begin()


def test_a_missing_key_is_told_before_the_run() -> None:
    plan = plan_of(
        SHORT, 'targets.main.base_url="http://127.0.0.1:1/v1"', 'targets.main.api_key={env="NO_SUCH_VARIABLE"}'
    )
    with LocalCluster(plan, 1) as cluster, pytest.raises(UsageError, match="NO_SUCH_VARIABLE"):
        cluster.begin()


def test_starting_can_be_given_up() -> None:
    """A target that never accepts would hold the start for seconds."""
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())
        plan = plan_of(SHORT, f'targets.main.base_url="http://127.0.0.1:{full.getsockname()[1]}/v1"')

        def interrupted() -> None:
            raise InterruptedRun("enough")

        with LocalCluster(plan, 1) as cluster, pytest.raises(InterruptedRun):
            cluster.begin(interrupted)


def test_a_worker_that_can_not_stop_is_killed_and_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmload.cluster.local._END_SECONDS", 0.2)
    with with_simulator(plan_of(SHORT)) as (plan, _), LocalCluster(plan, 1) as cluster:
        cluster.begin()
        os.kill(cluster.pids[0], signal.SIGSTOP)
        cluster.stop()
        assert [event.worker for event in cluster.events() if isinstance(event, Lost)] == [0]


def test_a_worker_that_fails_in_mid_run_is_lost_and_what_it_measured_is_kept() -> None:
    with with_simulator(plan_of(SHORT)) as (plan, _), LocalCluster(plan, 1) as cluster:
        cluster.begin()
        total, lost = Summary(), []
        for event in cluster.events():
            total.merge(cluster.take())
            if isinstance(event, Lost):
                lost.append(event)
            if total.completed > 10 and not lost:
                cluster._inbox.put((0, Failed("Traceback ...\nValueError: a bug")))
                os.kill(cluster.pids[0], signal.SIGKILL)
        total.merge(cluster.take())
    assert [event.traceback.splitlines()[-1] for event in lost] == ["ValueError: a bug"]
    assert total.completed > 10
