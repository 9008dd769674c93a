"""Runs one shard of a Plan: opens, dispatches, drains, and tells its Notes what happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from math import nextafter

from llmload.arrivals.closed import Users
from llmload.clock import NS, Clock, monotonic_ns
from llmload.engine.caller import Caller, Notes
from llmload.engine.dispatch import Dispatcher
from llmload.engine.probe import LoopProbe
from llmload.engine.users import Crowd
from llmload.metrics.health import WorkerHealth
from llmload.metrics.reading import price_key
from llmload.metrics.recorder import RecorderSetup
from llmload.metrics.summary import PhaseInfo
from llmload.records import Arrival
from llmload.scenario.plan import Plan
from llmload.transport.base import Transport
from llmload.workload.workload import Workload

__all__ = ["Engine", "due", "recorder_setup"]

_STOPPED = "the run was stopped"
_OPEN_MOST = 1000
_WARMED = 32
"""Calls made and thrown away before the start, so that the first ones find all caches filled."""
_OPEN_SECONDS_OF_LOAD = 2.0


def recorder_setup(plan: Plan, start: int, worker: int = 0) -> RecorderSetup:
    """How Records of ``plan`` are to be folded, for a run that starts at monotonic ns ``start``."""
    return RecorderSetup(
        start=start,
        phases=tuple(PhaseInfo(phase.name, phase.start, phase.end, phase.measure) for phase in plan.phases),
        objectives={cls.name: cls.objectives for cls in plan.classes},
        prices={
            price_key(target.name, model): (prices.input, prices.output, prices.cached, prices.request)
            for target in plan.targets
            for model, prices in (("", target.prices), *target.model_prices.items())
        },
        slice_tags=plan.slice_tags,
        follow=_followed(plan),
        stall=round(plan.limits.stall * NS),
        worker=worker,
        pairs={cls.name: cls.targets for cls in plan.classes if cls.paired},
    )


def _followed(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Of each target, the labels that objectives ask of who served when."""
    asked = {label for objective in plan.objectives for label in objective.follows}
    return {target.name: tuple(sorted(asked & set(target.capture))) for target in plan.targets}


def due(plan: Plan, shard: int, of: int) -> int:
    """How many calls shard ``shard`` of ``of`` has in a schedule of arrivals (any model but the closed one).

    Takes as long as drawing the whole schedule: a second for some tens of millions of arrivals.
    """
    most = plan.load.max_requests
    whole = plan.schedule().count(shard, of)
    return whole if most is None else min(whole, (most - shard + of - 1) // of)


class Engine:
    """One shard of a run. ``open``, then ``run`` once; ``health`` at any time from the same loop."""

    def __init__(
        self,
        plan: Plan,
        transport: Transport,
        clock: Clock = monotonic_ns,
        shard: int = 0,
        of: int = 1,
    ) -> None:
        self._plan = plan
        self._transport = transport
        self._clock = clock
        self._shard = shard
        self._of = of
        self._probe = LoopProbe(shard, transport.path, clock)
        # Costs a tenth of a second and more (vocabularies), which must be over before the schedule begins.
        self._workload = Workload(plan.classes, plan.seeds.mix, plan.seeds.prompts)
        self._caller: Caller | None = None
        self._source: Dispatcher | Crowd | None = None
        self._stop_now = asyncio.Event()
        self._draining = asyncio.Event()
        self._cut = False
        """The schedule was not walked to its end."""
        self._unsent = 0
        self._opened = 0
        self._renewals_failed = 0

    async def open(self) -> None:
        """Open connections ahead of the load. Raises UnreachableError."""
        for index in range(_WARMED):
            self._workload.call(index)
        wanted = {target.name: self._connections(target.name) for target in self._plan.targets}
        await self._transport.open(wanted)

    def _connections(self, name: str) -> int:
        """As the scenario says; else what two seconds of the load's peak would need, shared by targets and workers."""
        target, load = self._plan.target(name), self._plan.load
        if target.connections is not None:
            return target.connections // self._of
        peak = load.curve.peak() * (1.0 if load.model == "closed" else _OPEN_SECONDS_OF_LOAD)
        if load.max_in_flight is not None:
            peak = min(peak, load.max_in_flight)
        return min(_OPEN_MOST, round(peak / len(self._plan.targets) / self._of))

    # -- the run -----------------------------------------------------------------------------------------

    async def run(self, start: int, notes: Notes) -> None:
        """Carry the shard out, beginning at monotonic ns ``start``; returns when every call has its Record."""
        caller = self._caller = Caller(self._plan, self._transport, notes, self._clock, self._shard, self._workload)
        caller.start = start
        caller.limit = self._limit(caller)
        source = self._source = self._make_source(caller)
        self._probe.begin(start, [(part.start, part.end) for part in self._plan.phases if not part.measure])
        try:
            await self._dispatch(source, caller)
            await self._drain(caller)
        finally:
            self._unsent = source.left() if self._cut else 0
            self._probe.end()

    async def _dispatch(self, source: Dispatcher | Crowd, caller: Caller) -> None:
        if self._draining.is_set():
            self._cut = True
            return
        running = asyncio.ensure_future(source.run())
        stopping = asyncio.ensure_future(self._draining.wait())
        follow = asyncio.ensure_future(self._follow_users(caller)) if self._plan.load.model == "paced" else None
        # A generator that is hopelessly behind its schedule must not go on for ever: it has its time, and as much again
        # as calls in flight have; what it has not sent by then it will not send.
        over = caller.start + round((self._plan.load.duration + self._plan.limits.drain) * NS)
        try:
            await asyncio.wait(
                (running, stopping), timeout=(over - self._clock()) / NS, return_when=asyncio.FIRST_COMPLETED
            )
            self._cut = not running.done()
            source.stop()
            await running
        finally:
            stopping.cancel()
            if follow is not None:
                follow.cancel()

    async def _drain(self, caller: Caller) -> None:
        drained = asyncio.ensure_future(caller.drained(self._plan.limits.drain))
        draining = asyncio.ensure_future(self._draining.wait())
        stopping = asyncio.ensure_future(self._stop_now.wait())
        await asyncio.wait((drained, draining), return_when=asyncio.FIRST_COMPLETED)
        if draining.done():  # only what is in flight may still end
            caller.dismiss(_STOPPED)
            await asyncio.wait((drained, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not (drained.done() and drained.result()):
            caller.abandon(_STOPPED if self._stop_now.is_set() else "the time to drain was over")
        for task in (drained, draining, stopping):
            task.cancel()

    def _make_source(self, caller: Caller) -> Dispatcher | Crowd:
        plan = self._plan
        most = plan.load.max_requests
        if plan.load.model == "closed":
            indexes: Iterator[int] = count(self._shard, self._of)
            if most is not None:
                indexes = takewhile(lambda index: index < most, indexes)
            return Crowd(plan, caller, indexes, self._shard, self._of, self._clock)
        arrivals: Iterator[Arrival] = plan.schedule().arrivals(self._shard, self._of)
        if most is not None:
            arrivals = takewhile(lambda arrival: arrival.index < most, arrivals)
        return Dispatcher(arrivals, lambda: due(plan, self._shard, self._of), caller, self._clock)

    def _limit(self, caller: Caller) -> Callable[[], int | None]:
        cap, users = self._plan.load.max_in_flight, self._plan.load.users
        shared = None if cap is None else cap // self._of + (self._shard < cap % self._of)
        if users is None:
            return lambda: shared
        crowd, last = Users(users), nextafter(users.duration, 0.0)

        def at_now() -> int:
            # Those who are there at the end stay until everything planned before it has been sent.
            present = crowd.share(min((self._clock() - caller.start) / NS, last), self._shard, self._of)
            return present if shared is None else min(present, shared)

        return at_now

    async def _follow_users(self, caller: Caller) -> None:
        """Where the number of users grows, arrivals that wait for one may start."""
        while True:
            await asyncio.sleep(0.02)
            caller.admit()

    # -- from outside ------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Start nothing more; let calls in flight end within the time to drain."""
        self._draining.set()

    def stop(self) -> None:
        """End at once; calls in flight are recorded as unfinished."""
        self._draining.set()
        self._stop_now.set()

    @property
    def in_flight(self) -> int:
        """Calls in flight now."""
        return self._caller.in_flight if self._caller else 0

    def health(self) -> WorkerHealth | None:
        """What was seen of ourselves since this was last asked; None before the run has begun."""
        return self._probe.take(self._fill) if self._caller is not None else None

    def _fill(self, health: WorkerHealth) -> None:
        caller = self._caller
        assert caller is not None
        health.cap_hits, caller.cap_hits = caller.cap_hits, 0
        health.dropped, caller.dropped = caller.dropped, 0
        health.unsent, self._unsent = self._unsent, 0
        health.max_in_flight = caller.max_in_flight
        health.connections_opened, self._opened = self._transport.opened - self._opened, self._transport.opened
        health.learned.add(self._workload.take_learned())
        failed = self._transport.renewals_failed
        health.renewals_failed, self._renewals_failed = failed - self._renewals_failed, failed
