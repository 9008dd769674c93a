"""Calls leave nothing to the garbage collector, however they end: its pauses would be the target's latency."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter

import pytest
import uvloop
from virtual_run import plan_of

from llmload.app.simulated import with_simulator
from llmload.clock import monotonic_ns
from llmload.cluster.courier import Courier, unpack
from llmload.engine.run import Engine
from llmload.records import Outcome
from llmload.transport.http import HttpTransport

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "m"

[classes.main]
api = "chat"
prompt = "Say the word."
max_tokens = 12
stream = true

[load]
rate = "150/s"
duration = "1s"

[limits]
total = "700ms"
drain = "2s"

[sim]
faults = [{FAULT}]
"""

FAULTS = {
    "": Outcome.OK,
    'kind = "error"': Outcome.HTTP_5XX,
    'kind = "reset"': Outcome.CONNECT_ERROR,
    'kind = "reset", at = "headers"': Outcome.TRUNCATED,
    'kind = "reset", at = "tokens"': Outcome.TRUNCATED,
    'kind = "truncate", clean = false': Outcome.TRUNCATED,
    'kind = "stall"': Outcome.TIMEOUT_TOTAL,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_call_leaves_a_cycle_behind(fault: str) -> None:
    plan = plan_of(SCENARIO.replace("{FAULT}", f'{{ {fault}, rate = "50%" }}' if fault else ""))
    courier = Courier()

    async def run() -> int:
        transport = HttpTransport(resolved.targets)
        engine = Engine(resolved, transport)
        await engine.open()
        gc.collect()
        gc.disable()
        try:
            await engine.run(monotonic_ns() + 10**8, courier)
            await asyncio.sleep(0.1)
            return gc.collect()
        finally:
            gc.enable()
            await transport.close()

    with with_simulator(plan) as (resolved, simulator):
        assert simulator is not None
        simulator.begin(monotonic_ns())
        left = uvloop.run(run())
    outcomes = Counter(unpack(packed).outcome for packed in courier.take(0, None).calls)
    assert outcomes[FAULTS[fault]] > 30
    assert left < 50
