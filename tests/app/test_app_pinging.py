"""The way to the targets is recorded with each run, before the load and after it, and is no part of it."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from virtual_run import plan_of

from llmload.app.pinging import Ways
from llmload.app.session import Options, run_plan
from llmload.app.simulated import real_targets
from llmload.scenario.plan import Plan, Target
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

sys.path.insert(0, str(Path(__file__).parent.parent / "observe"))
from ping_servers import served

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.main]
prompt = { tokens = 20 }
max_tokens = 5
[load]
process = "uniform"
rate = "20/s"
duration = "1s"
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimProcess]:
    with SimProcess(SimSpec(answer="max", step=0.005)) as simulator:
        yield simulator


def against(simulator: SimProcess) -> Plan:
    plan = plan_of(SCENARIO)
    return replace(plan, targets=(replace(plan.targets[0], base_url=f"{simulator.root}/v1"),))


def test_a_result_has_the_way_before_and_after_and_counts_none_of_it(simulator: SimProcess) -> None:
    result = run_plan(against(simulator), Options(ping=True))
    pinged = result.ping["main"]
    assert pinged.before is not None
    assert pinged.after is not None
    for ping in (pinged.before, pinged.after):
        assert {name: trips.tried for name, trips in ping.steps.items()} == {"tcp": 5, "first": 5, "kept": 5}
        assert ping.status == 404
        assert ping.host == f"127.0.0.1:{simulator.port}"
    assert result.summary.completed == 20
    assert result.duration < 2.0
    assert pinged.network is not None
    assert 0 < pinged.network < 0.5


def test_nothing_is_pinged_unless_asked_for(simulator: SimProcess) -> None:
    assert run_plan(against(simulator), Options()).ping == {}


def test_the_embedded_simulator_is_not_pinged() -> None:
    plan = plan_of(SCENARIO)
    assert run_plan(plan, Options(ping=True)).ping == {}
    other = Target("other", "http://127.0.0.1:9/v1")
    assert real_targets(replace(plan, targets=(*plan.targets, other)), replace(plan, targets=(other, other))) == [other]


def test_a_target_that_does_not_answer_is_a_note() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ways = Ways([Target("main", f"http://127.0.0.1:{port}/v1")])
    ways.before()
    assert ways.notes == ["ping to main was not answered before the load: TCP connect: connection refused"]
    assert ways.pinged["main"].network is None


def test_targets_beyond_those_that_are_pinged_are_told() -> None:
    ways = Ways([Target(f"t-{n}", "http://127.0.0.1:1/v1") for n in range(20)])
    assert ways.notes == ["of 20 targets the first 16 are pinged"]


def test_however_slow_a_target_is_it_takes_about_a_second() -> None:
    with served(lambda number, request: None) as port:
        targets = [Target(f"t{number}", f"http://127.0.0.1:{port}") for number in range(4)]
        ways, began = Ways(targets), time.monotonic()
        ways.before()
        took = time.monotonic() - began
    assert set(ways.pinged) == {"t0", "t1", "t2", "t3"}
    assert 0.9 < took < 3.0
    assert ways.pinged["t0"].before is not None
    assert ways.pinged["t0"].before.steps["first"].lost == 1
