"""Whole scenarios in virtual time: scenario text -> Plan -> engine -> in-memory transport -> simulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from llmload.clock import NS
from llmload.dialects import DIALECTS
from llmload.engine.run import Engine, recorder_setup
from llmload.engine.virtual import VirtualLoop, run_virtual
from llmload.metrics.pairing import Waiting
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.records import Record
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.sim.realtime import RealtimeSession
from llmload.sim.service import Service
from llmload.sim.spec import SimSpec
from llmload.sim.truth import Truth
from llmload.transport.memory import MemoryTransport

__all__ = ["Ran", "plan_of", "run_plan"]


def plan_of(text: str, *overrides: str, environment: str | None = None) -> Plan:
    """Compile scenario text."""
    return compile_scenario(load_scenario(Source(text, "test.toml", Path.cwd(), "test"), environment, overrides))


class Keeping(Recorder):
    """A Recorder that also keeps the Records."""

    def __init__(self, setup: RecorderSetup, kept: list[Record], waiting: Waiting | None = None) -> None:
        super().__init__(setup, waiting)
        self._kept = kept

    def add(self, record: Record) -> None:
        self._kept.append(record)
        super().add(record)


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


def run_plan(plan: Plan, shards: int = 1, during: Callable[[Sequence[Engine], VirtualLoop], Any] | None = None) -> Ran:
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
        keys = {
            name: {auth.header.lower(): auth.prefix + auth.source}
            for t in plan.targets
            for name, auth in t.keys.items()
        }
        own = {target.name: target.headers for target in plan.targets}
        bases = {target.name: DIALECTS[target.dialect].sim_base for target in plan.targets}
        sockets = {
            target.name: partial(RealtimeSession, service) for target in plan.targets if DIALECTS[target.dialect].socket
        }
        memory = partial(MemoryTransport, service, loop.clock, headers, keys, bases, own, sockets)
        engines = [Engine(plan, memory(), loop.clock, shard, shards) for shard in range(shards)]
        ran.start = loop.clock() + NS
        ran.summary = Summary(start=ran.start, phases=recorder_setup(plan, ran.start).phases)
        if during is not None:
            during(engines, loop)
        waiting: Waiting = {}
        notes = [Keeping(recorder_setup(plan, ran.start, shard), ran.records, waiting) for shard in range(shards)]
        await asyncio.gather(*(engine.run(ran.start, kept) for engine, kept in zip(engines, notes, strict=True)))
        ran.ended = loop.clock()
        for engine, kept in zip(engines, notes, strict=True):
            health = engine.health()
            assert health is not None
            kept.health(health)
            ran.summary.merge(kept.take())
        return ran

    return run_virtual(main)
