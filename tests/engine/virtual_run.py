"""Whole scenarios in virtual time: scenario text -> Plan -> engine -> in-memory transport -> the simulator's Service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmload.clock import NS
from llmload.engine.run import Engine, recorder_setup
from llmload.engine.virtual import VirtualLoop, run_virtual
from llmload.metrics.summary import Summary
from llmload.records import Record
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.sim.service import Service
from llmload.sim.spec import SimSpec
from llmload.sim.truth import Truth
from llmload.transport.memory import MemoryTransport

__all__ = ["Ran", "plan_of", "run_plan"]


def plan_of(text: str, *overrides: str, environment: str | None = None) -> Plan:
    """Compile scenario text."""
    return compile_scenario(load_scenario(Source(text, "test.toml", Path.cwd(), "test"), environment, overrides))


@dataclass
class Ran:
    """What a virtual run left behind."""

    summary: Summary
    records: list[Record] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    start: int = 0
    ended: int = 0

    @property
    def seconds(self) -> float:
        """Virtual seconds from start to end."""
        return (self.ended - self.start) / NS


def run_plan(
    plan: Plan, shards: int = 1, during: Callable[[Sequence[Engine], VirtualLoop], Any] | None = None
) -> Ran:
    """Run all shards of ``plan`` side by side in one virtual loop against one simulated service.

    ``during`` is called once at the start with the engines and the loop, to interfere by timers of its own.
    """

    async def main(loop: VirtualLoop) -> Ran:
        ran = Ran(Summary())
        service = Service(
            plan.sim or SimSpec(),
            loop.clock,
            lambda at, act: loop.call_at(at / NS, act),
            log=ran.truth.append,
        )
        key = next(iter((plan.sim or SimSpec()).keys), "")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        engines = [
            Engine(plan, MemoryTransport(service, loop.clock, headers), loop.clock, shard, shards, ran.records.append)
            for shard in range(shards)
        ]
        ran.start = loop.clock() + NS
        ran.summary = Summary(start=ran.start, phases=recorder_setup(plan, ran.start).phases)
        if during is not None:
            during(engines, loop)
        await asyncio.gather(*(engine.run(ran.start) for engine in engines))
        ran.ended = loop.clock()
        for engine in engines:
            delta = engine.take()
            assert delta is not None
            ran.summary.merge(delta)
        return ran

    return run_virtual(main)
