"""A day of load in virtual time: what is kept must not grow with the length of the run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson
import pytest
from virtual_run import plan_of

from llmload.clock import NS
from llmload.engine.run import Engine, recorder_setup
from llmload.engine.virtual import VirtualLoop, run_virtual
from llmload.metrics.recorder import Recorder
from llmload.metrics.summary import Summary
from llmload.metrics.windows import MAX_WINDOWS
from llmload.scenario.plan import Plan
from llmload.sim.service import Service
from llmload.sim.spec import SimSpec
from llmload.transport.memory import MemoryTransport

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[limits]
first_token = "20s"
[classes.stream]
api = "chat"
stream = true
weight = 3
prompt = { tokens = 20 }
max_tokens = 5
[classes.embed]
api = "embeddings"
prompt = { tokens = 20 }
[load]
process = "poisson"
rate = "0.02/s"
duration = "24h"
[sim]
faults = [{ kind = "error", rate = "2%" }, { kind = "hang", rate = "0.5%" }, { kind = "reset", rate = "1%" }]
"""
HOUR = 3600
EVERY = 300.0


@dataclass
class Hours:
    """What was measured, and every four hours: windows (times classes), bytes of the result."""

    summary: Summary
    windows: list[int]
    sizes: list[int]


def spend(plan: Plan) -> Hours:
    """Run ``plan``, folded as a session does: deltas taken and merged again and again."""

    async def main(loop: VirtualLoop) -> Hours:
        service = Service(plan.sim or SimSpec(), loop.clock, lambda at, act: loop.call_at(at / NS, act))
        engine = Engine(plan, MemoryTransport(service, loop.clock), loop.clock)
        start = loop.clock() + NS
        recorder = Recorder(recorder_setup(plan, start))
        spent = Hours(Summary(start=start, phases=recorder_setup(plan, start).phases), [], [])
        running = asyncio.ensure_future(engine.run(start, recorder))
        look = 4.0 * HOUR
        while not running.done():
            await asyncio.wait((running,), timeout=EVERY)
            health = engine.health()
            assert health is not None
            recorder.health(health)
            spent.summary.merge(recorder.take())
            if (loop.clock() - start) / NS >= look or running.done():
                look += 4 * HOUR
                spent.windows.append(sum(map(len, spent.summary.windows.values())))
                spent.sizes.append(len(orjson.dumps(spent.summary.to_json())))
        running.result()
        return spent

    return run_virtual(main)


@pytest.fixture(scope="module")
def day() -> Hours:
    return spend(plan_of(SCENARIO))


def test_a_day_is_measured_to_its_last_call(day: Hours) -> None:
    summary = day.summary
    assert 23.9 * HOUR < summary.elapsed <= 24 * HOUR
    assert 1600 < summary.planned < 1900
    assert summary.select().calls == summary.planned == summary.sent
    assert {str(outcome) for outcome in summary.select().outcomes} >= {"ok", "http_5xx", "timeout_first_token"}
    assert sum(by_class[""].planned for by_class in summary.windows.values() if "" in by_class) == summary.planned


def test_the_windows_of_a_day_are_wider_not_more(day: Hours) -> None:
    assert len(day.summary.windows) <= MAX_WINDOWS
    assert 24 * HOUR / day.summary.window_seconds <= MAX_WINDOWS
    assert max(day.summary.windows) < MAX_WINDOWS
    classes = 3  # the two, and none
    assert max(day.windows) <= classes * MAX_WINDOWS


def test_the_result_of_a_day_is_bounded(day: Hours) -> None:
    assert max(day.sizes) < 3_000_000
    assert day.sizes[-1] < 7 * day.sizes[0]  # so sparse a load fills ever more windows: no faster than it goes on
