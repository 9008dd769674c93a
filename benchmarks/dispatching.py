"""The schedule: how fast arrivals are computed, and how late calls leave when they cost the transport nothing.

Lateness is real: the Dispatcher on a real loop, calls prepared and launched as in a run, but the transport answers at
once. What is late here is the generator's own doing, or the machine's.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.decoders import timed
from benchmarks.tables import Table
from llmload.arrivals.schedule import Schedule
from llmload.clock import NS, monotonic_ns
from llmload.engine.run import Engine
from llmload.records import Record
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.transport.base import Dial, Sink

__all__ = ["Kept", "lateness", "plan_of", "run"]

_SCENARIO = """
[targets.main]
base_url = "http://127.0.0.1:9/v1"
model = "m"
connections = 1
[classes.main]
api = "chat"
prompt = {{ tokens = 20 }}
[load]
process = {process}
rate = "{rate:g}/s"
duration = "{duration:g}s"
"""
_PROCESSES = {"uniform": '"uniform"', "Poisson": '"poisson"', "gamma, CV 2": '"gamma"\ncv = 2.0'}
_ANSWER = (
    b'{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":'
    b'"Fine."},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}'
)


def plan_of(rate: float, duration: float, process: str = '"poisson"') -> Plan:
    """Chats that aren't streamed; ``process`` as TOML."""
    text = _SCENARIO.format(rate=rate, duration=duration, process=process)
    return compile_scenario(load_scenario(Source(text, "bench", Path(), "bench")))


class NullTransport:
    """Answers every request at once, out of nothing."""

    path = "memory"
    opened = 0
    renewals_failed = 0

    async def open(self, connections: object) -> None:
        """See Transport."""

    def begin(self, target: str, request: object, sink: Sink, trace: str = "") -> NullTransport:
        """See Transport."""
        self._answer(sink)
        sink.over(None)
        return self

    def cancel(self) -> None:
        """See Exchange; it has ended before."""

    async def exchange(self, target: str, request: object, sink: Sink, trace: str = "") -> None:
        """See Transport."""
        self._answer(sink)

    def _answer(self, sink: Sink) -> None:
        t = monotonic_ns()
        sink.opened(t, Dial(0, 0, 0))
        sink.sent(t, 100)
        sink.head(t, 200, {"content-type": "application/json"})
        sink.body(t, _ANSWER)
        sink.ended(t)

    def redact(self, text: str) -> str:
        """See Transport."""
        return text

    async def close(self) -> None:
        """See Transport."""


class Kept:
    """Notes that keep how late each call was, ns."""

    def __init__(self) -> None:
        self.late: list[int] = []
        self.outcomes: Counter[str] = Counter()

    def planned(self, t: int) -> None:
        """See Notes."""

    def sent(self, t: int) -> None:
        """See Notes."""

    def later(self, index: int, turn: int, t: int) -> None:
        pass

    def in_flight(self, n: int, t: int) -> None:
        """See Notes."""

    def add(self, record: Record) -> None:
        """See Notes."""
        self.late.append(record.dispatched - record.planned)
        self.outcomes[record.outcome.value] += 1


def on_the_loop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` on the event loop that workers use."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())


def lateness(rate: float, duration: float) -> tuple[Kept, float]:
    """How late calls left at ``rate`` a second, and the share of a core that was used."""
    kept, cpu = Kept(), 0.0

    async def main() -> None:
        nonlocal cpu
        engine = Engine(plan_of(rate, duration), NullTransport())
        used, begun = time.process_time(), time.monotonic()
        await engine.run(monotonic_ns() + NS // 10, kept)
        cpu = (time.process_time() - used) / (time.monotonic() - begun)

    on_the_loop(main)
    return kept, cpu


def _generated(process: str, seconds: float) -> float:
    """Arrivals computed a second."""
    plan = plan_of(1000, 3600, process)
    schedule = Schedule(plan.load.curve, plan.load.process, plan.seeds.arrivals)
    count = 20_000
    each, _ = timed(lambda: sum(1 for _ in islice(schedule.arrivals(0, 1), count)), seconds)
    return count / each


def run(quick: bool) -> list[Table]:
    """Arrivals a second by process; lateness at 100, 1000 and 3000 calls a second."""
    made = Table("schedule", ("process", "arrivals computed/s"))
    for name, process in _PROCESSES.items():
        made.rows.append([name, _generated(process, 0.05 if quick else 1.0)])
    late = Table("dispatch", ("calls/s", "calls", "late p50, ms", "p99, ms", "max, ms", "of a core"))
    for rate in (100.0, 1000.0) if quick else (100.0, 1000.0, 3000.0):
        kept, cpu = lateness(rate, 0.5 if quick else 10.0)
        assert set(kept.outcomes) == {"ok"}, kept.outcomes
        figures = np.percentile(np.array(kept.late) / 1e6, [50, 99, 100])
        late.rows.append([rate, len(kept.late), *(f"{figure:.3f}" for figure in figures), f"{cpu:.0%}"])
    return [made, late]
