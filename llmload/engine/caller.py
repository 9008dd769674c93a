"""Prepares calls ahead of their time, starts them, and keeps count of those in flight.

A call never waits for another call. Only a cap on calls in flight, which the scenario must ask for, makes arrivals
wait (from their planned time, so that the wait shows in their latency) or drops them; both are counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

from llmload.clock import NS, Clock, wall_time
from llmload.dialects import Dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.engine.listening import listener
from llmload.engine.retries import Retries
from llmload.engine.sessions import Sessions
from llmload.errors import ScenarioError
from llmload.records import Answer, Call, Origin, Outcome, Record, WireRequest
from llmload.scenario.plan import Phase, Plan
from llmload.transport.base import Transport
from llmload.workload.workload import Workload

__all__ = ["Caller", "Notes"]


class Notes(Protocol):
    """Who is told what happens: a Recorder, or what takes it to one. All ``t`` are monotonic ns."""

    def planned(self, t: int) -> None: ...
    def later(self, index: int, turn: int, t: int) -> None: ...
    def sent(self, t: int) -> None: ...
    def in_flight(self, n: int, t: int) -> None: ...
    def add(self, record: Record) -> None: ...


class _User(NamedTuple):
    """A user of the closed model in a call or a session: told when it has ended; whether he goes on within it."""

    ended: asyncio.Future[None]
    stays: Callable[[], bool]


class Caller:
    """Everything that happens to calls between their planned time and their Record."""

    def __init__(
        self, plan: Plan, transport: Transport, notes: Notes, clock: Clock, worker: int, workload: Workload
    ) -> None:
        self._plan = plan
        self._tracing = plan.tracing
        self._transport = transport
        self._notes = notes
        self._clock = clock
        self._worker = worker
        self._deadlines = Deadlines.of(plan.limits)
        self._workload = workload
        self._dialects = {target.name: target.speaks() for target in plan.targets}
        self._listeners = {target.name: listener(target) for target in plan.targets}
        self._phases = tuple((round(phase.end * NS), phase) for phase in plan.phases)
        self._loop = asyncio.get_running_loop()
        self._running: set[CallRun] = set()
        self._ended: list[CallRun] = []
        self._users: dict[int, _User] = {}
        """By the number of the call, or of the first of the session, that a user is in."""
        self._requests: dict[tuple[str, str], tuple[Call, WireRequest]] = {}
        self._queue: deque[Prepared] = deque()
        tried_again = any(cls.retry is not None for cls in plan.classes)
        self._retries = Retries(plan, clock, self._try_again, self._never_sent) if tried_again else None
        self._dismissed = False
        self._idle: asyncio.Future[None] | None = None
        self._sessions = Sessions(self._go_on, clock)
        self._end = round(plan.load.duration * NS)
        """When the load ends, ns after the start: nobody says anything after that."""
        self.start = 0
        """Monotonic ns of the run's start."""
        self.limit: Callable[[], int | None] = lambda: None
        """How many calls may be in flight now; None: any number."""
        self.max_in_flight = 0
        self.cap_hits = 0
        self.dropped = 0

    @property
    def in_flight(self) -> int:
        """Calls started and not ended."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Arrivals that wait for a place under the cap."""
        return len(self._queue)

    def phase_at(self, offset: int) -> Phase:
        """The phase ``offset`` ns after the start; the last one lasts for ever."""
        for end, phase in self._phases:
            if offset < end:
                return phase
        return self._phases[-1][1]

    def prepare(self, index: int, offset: int, origin: Origin = Origin.SCHEDULE) -> Prepared:
        """Call number ``index``, planned ``offset`` ns after the start, ready to be sent."""
        phase = self.phase_at(offset)
        call = self._workload.call(index, phase.weights_at(offset / NS), phase.values)
        return self._prepare(call, offset, phase, origin)

    def _prepare(self, call: Call, offset: int, phase: Phase, origin: Origin) -> Prepared:
        if call.recipe is not None and "timestamp" in call.recipe.names:
            call = replace(call, at=wall_time() + (self.start + offset - self._clock()) / NS)
        record = Record(call, self.start + offset, phase.name, origin)
        record.worker = self._worker
        if call.integrity or call.session:
            record.answer = Answer(keep_text=True)
        if self._retries is not None and self._retries.covers(call.cls):
            record.retry_wait = 0
        speaks = self._dialects[call.target]
        trace = "" if self._tracing is None else self._tracing.traceparent(call.index, call.turn)
        return Prepared(record, self._request(call, speaks), speaks, self._listeners[call.target], trace)

    def _request(self, call: Call, speaks: Dialect) -> WireRequest:
        """Many classes ask the same again and again; the last request of a class is kept for that."""
        last, request = self._requests.get((call.cls, call.target), (None, None))
        if last is None or request is None or not call.asks_the_same(last):
            request = speaks.request(call)
            if call.key:
                request = replace(request, key=call.key)
            self._requests[call.cls, call.target] = (call, request)
        return request

    def arrive(self, prepared: Prepared) -> None:
        """Its time has come: start it, or apply the cap."""
        self._notes.planned(prepared.record.planned)
        self._admit(prepared)

    def _go_on(self, prepared: Prepared) -> None:
        """The same for a later turn of a session."""
        record = prepared.record
        self._notes.later(record.call.index, record.call.turn, record.planned)
        if record.call.index in self._users:
            self.launch(prepared)  # users are their own cap
        else:
            self._admit(prepared)

    def _next_turn(self, record: Record) -> bool:
        """A call of a session is over: plan the next, unless it went wrong, its user is gone or the load ends before.
        Whether there is one."""
        if self._dismissed or not record.outcome.good:
            return False
        user = self._users.get(record.call.index)
        if user is not None and not user.stays():
            return False
        # A target may escape half of a surrogate pair, which no request can carry.
        said = "".join(record.answer.text or ()).encode("utf-8", "replace").decode()
        try:
            found = self._workload.follow(record.call, said)
        except ScenarioError as error:  # its data set has changed; other calls must not be lost for that
            self._loop.call_exception_handler({"message": "a session can't go on", "exception": error})
            return False
        if found is None:
            return False
        call, pause = found
        offset = record.end - self.start + round(pause * NS)
        if offset >= self._end:
            return False
        self._sessions.add(self._prepare(call, offset, self.phase_at(offset), Origin.SESSION))
        return True

    def _admit(self, prepared: Prepared) -> None:
        limit = self.limit()
        if limit is None or (not self._queue and len(self._running) < limit):
            self.launch(prepared)
            return
        self.cap_hits += 1
        if self._plan.load.on_limit == "drop":
            self.dropped += 1
            self._never_sent(prepared, Outcome.DROPPED, "dropped: max_in_flight was reached")
        else:
            prepared.record.queued = True
            self._queue.append(prepared)

    def arrive_user(self, prepared: Prepared, stays: Callable[[], bool]) -> asyncio.Future[None]:
        """A user of the closed model is ready: users are their own cap. The future resolves when the call has ended, or
        the session that it begins; that ends before its next turn where ``stays`` says no."""
        self._notes.planned(prepared.record.planned)
        ended = self._loop.create_future()
        self._users[prepared.record.call.index] = _User(ended, stays)
        self.launch(prepared)
        return ended

    def _try_again(self, prepared: Prepared) -> None:
        """A further attempt is due: it takes its place among those that wait for one, and is never dropped."""
        limit = self.limit()
        if limit is None or prepared.record.call.index in self._users or len(self._running) < limit:
            self.launch(prepared)
        else:
            prepared.record.queued = True
            self._queue.append(prepared)

    def launch(self, prepared: Prepared) -> None:
        """Start the call."""
        on_sent = self._notes.sent if prepared.record.attempt == 1 else None  # a call counts as sent once
        call = CallRun(prepared, self._transport, self._deadlines, self._clock, on_sent, self._over)
        self._running.add(call)
        call.start()
        in_flight = len(self._running)
        if in_flight > self.max_in_flight:
            self.max_in_flight = in_flight
        self._notes.in_flight(in_flight, self._clock())

    def _over(self, call: CallRun) -> None:
        # Closing a call takes a multiple of what reading a chunk does: so not before all that has arrived is stamped.
        self._ended.append(call)
        if len(self._ended) == 1:
            self._loop.call_soon(self._close_ended)

    def _close_ended(self) -> None:
        ended, self._ended = self._ended, []
        self._notes.in_flight(len(self._running), self._clock())  # until now, also where nothing has begun for long
        for call in ended:
            self._running.discard(call)
            record = self._finished(call)
            if self._retries is not None:
                record.final = not self._retries.take(call.prepared)
            self._ended_as(record)
            if self._workload.learns and record.outcome.good and record.answer.usage is not None:
                self._workload.learn(record.call, record.answer.usage.input or 0)
        self.admit()
        self._settle()

    def _ended_as(self, record: Record) -> None:
        self._notes.add(record)
        if not record.final or (record.call.session and self._next_turn(record)):
            return
        if self._users:
            user = self._users.pop(record.call.index, None)
            if user is not None and not user.ended.done():
                user.ended.set_result(None)

    def _finished(self, call: CallRun) -> Record:
        try:
            return call.finish()
        except Exception as error:  # a bug of ours must not lose the call
            self._loop.call_exception_handler({"message": "a call failed in llmload itself", "exception": error})
            record = call.record
            record.outcome, record.detail = Outcome.UNFINISHED, f"llmload failed: {type(error).__name__}"
            record.end = record.end or self._clock()
            return record

    def _settle(self) -> None:
        # With nothing in flight and no place for what is queued, nothing would ever happen again.
        due = len(self._sessions) + (self._retries.waiting if self._retries is not None else 0)
        if not self._running and not due and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def admit(self) -> None:
        """Start queued arrivals for which there is a place now."""
        while self._queue:
            limit = self.limit()
            if limit is not None and len(self._running) >= limit:
                return
            self.launch(self._queue.popleft())

    def _never_sent(self, prepared: Prepared, outcome: Outcome, detail: str) -> None:
        record = prepared.record
        record.outcome, record.detail, record.end = outcome, detail, self._clock()
        self._ended_as(record)
        self._settle()

    async def drained(self, seconds: float) -> bool:
        """Wait until nothing is in flight; False when that takes longer than ``seconds``, or leaves some queued.

        Sessions may go on until the load ends; the time to drain counts from there.
        """
        if self._sessions or any(call.record.call.session for call in self._running):
            seconds += max(0, self.start + self._end - self._clock()) / NS
        self._idle = self._loop.create_future()
        self.admit()
        self._settle()
        try:
            async with asyncio.timeout(seconds):
                await self._idle
        except TimeoutError:
            return False
        return not self._queue

    def dismiss(self, why: str) -> None:
        """End what waits, for a place under the cap or to be tried again, as ``unfinished``: never thrown away.

        Sessions that are between two turns end there: the next was not due yet.
        """
        self._dismissed = True
        self._sessions.close()
        for prepared in () if self._retries is None else self._retries.close():
            self._never_sent(prepared, Outcome.UNFINISHED, f"not tried again ({why}): waiting for its time")
        while self._queue:
            self._never_sent(
                self._queue.popleft(), Outcome.UNFINISHED, f"never sent ({why}): waiting under max_in_flight"
            )
        self._settle()  # perhaps all sessions were between two turns

    def abandon(self, why: str) -> None:
        """End everything queued or in flight now as ``unfinished``: censored, counted, never thrown away."""
        self.dismiss(why)
        for call in list(self._running):
            call.give_up(Outcome.UNFINISHED, f"still running when {why}")
        self._close_ended()
