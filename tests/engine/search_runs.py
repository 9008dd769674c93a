"""Steps of a search in virtual time, looked at every second as ``app.session`` looks at real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from virtual_run import plan_of

from llmload.analysis.search import Aim
from llmload.app.figure import SOME, Figure
from llmload.app.levels import Levels, fit_objectives, key_of
from llmload.app.search import Search, StepRun, Until, search
from llmload.clock import NS
from llmload.engine.run import Engine, recorder_setup
from llmload.engine.virtual import VirtualLoop, run_virtual
from llmload.metrics.health import Gauge
from llmload.metrics.recorder import Recorder
from llmload.metrics.summary import Summary
from llmload.reports.searched import SearchResult
from llmload.scenario.plan import Plan
from llmload.sim.service import Service
from llmload.sim.spec import SimSpec
from llmload.transport.memory import MemoryTransport
from llmload.verdict.validity import RunFacts, validity

__all__ = ["find", "in_virtual_time", "scenario"]


def in_virtual_time(plan: Plan, until: Until) -> StepRun:
    """A runner for ``search``."""

    async def main(loop: VirtualLoop) -> StepRun:
        spec = plan.sim or SimSpec()
        service = Service(spec, loop.clock, lambda at, act: loop.call_at(at / NS, act))
        engine = Engine(plan, MemoryTransport(service, loop.clock), loop.clock)
        start = loop.clock() + NS
        setup = recorder_setup(plan, start)
        notes, summary = Recorder(setup), Summary(start=start, phases=setup.phases)
        ended: list[str] = []

        def look() -> None:
            summary.merge(notes.take())
            seconds = (loop.clock() - start) / NS
            if why := until(summary, seconds):
                ended.append(why)
                engine.drain()
            elif seconds < plan.load.duration:
                loop.call_later(1.0, look)

        loop.call_later(2.0, look)
        await asyncio.gather(engine.run(start, notes))
        health = engine.health()
        assert health is not None
        health.cpu, health.cpu_wait = Gauge(), Gauge()  # virtual time is as fast as the CPU: that says nothing
        notes.health(health)
        summary.merge(notes.take())
        why = ended[0] if ended else ""
        facts = RunFacts(duration=plan.load.duration, aborted=why, objectives=plan.objectives)
        return StepRun(summary, validity(summary, facts), ended=why)

    return run_virtual(main)


def scenario(objectives: str, sim: str = "", rate: str = "10/s", load: str = "") -> str:
    """Chats of 85 and 100 tokens against a simulator."""
    return f"""
        objectives = [{objectives}]
        [targets.sim]
        base_url = "sim:"
        model = "sim-model"
        [classes.chat]
        prompt = {{ tokens = 85 }}
        max_tokens = 100
        stream = true
        [load]
        {load or f'rate = "{rate}"'}
        duration = "10s"
        [sim]
        answer = "max"
        {sim}
    """


def find(
    text: str,
    key: str | None = None,
    *,
    aim: Callable[[float], Aim] = lambda start: Aim(start, start / 64, start * 1024),
    run: Callable[[Plan, Until], StepRun] = in_virtual_time,
    hold: float = 30.0,
    longest: float = 120.0,
    figure: Figure | None = None,
) -> SearchResult:
    """Search over ``key`` of a scenario's text."""
    plan, left_out = fit_objectives(plan_of(text), SOME if figure else None)
    named = key_of(plan, key)
    compiled = None if named.startswith("load.") else lambda value: plan_of(text, f"{named}={value:g}")
    levels = Levels(plan, named, 10.0, hold, longest, compiled=compiled)
    start = plan.load.curve.peak()
    return search(Search(aim(start), levels, partial(run), figure, left_out=left_out))
