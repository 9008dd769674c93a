"""Calls that failed and wait to be tried again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from llmload.clock import NS, Clock
from llmload.draws import unit
from llmload.engine.call import Prepared
from llmload.records import Answer, Outcome, Record
from llmload.scenario.plan import Plan
from llmload.units import format_seconds
from llmload.workload.retry import wait

__all__ = ["Retries"]

_STREAM: Final = 64
"""Of the mix seed's random numbers: far from those that decide about calls; attempt n draws from this + n."""


class Retries:
    """Decides which calls are tried again, and holds them until their time has come.

    ``again`` is called with an attempt that is due, ``left`` with one whose user did not wait for it, and why.
    Budgets are of a worker's own calls.
    """

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        again: Callable[[Prepared], None],
        left: Callable[[Prepared, Outcome, str], None],
    ) -> None:
        self._policies = {cls.name: cls.retry for cls in plan.classes if cls.retry is not None}
        self._seed = plan.seeds.mix
        self._tracing = plan.tracing
        self._clock = clock
        self._again = again
        self._left = left
        self._calls: Counter[str] = Counter()
        self._further: Counter[str] = Counter()
        self._waiting: dict[int, tuple[Prepared, asyncio.TimerHandle]] = {}
        """By number of the call."""
        self._closed = False

    @property
    def waiting(self) -> int:
        """Calls that will be tried again."""
        return len(self._waiting)

    def covers(self, cls: str) -> bool:
        """Whether calls of this class are tried again at all."""
        return cls in self._policies

    def take(self, prepared: Prepared) -> bool:
        """An attempt is over: whether another follows, which is then seen to."""
        record = prepared.record
        policy = self._policies.get(record.call.cls)
        if policy is None:
            return False
        cls, index, attempt = record.call.cls, record.call.index, record.attempt
        self._calls[cls] += attempt == 1
        if self._closed or record.outcome not in policy.on:
            return False
        draw = unit(self._seed, index, _STREAM + attempt)
        numbers = self._calls[cls], self._further[cls]
        pause = wait(policy, record.outcome, attempt, record.retry_after, draw, *numbers)
        if pause is None:
            return False
        self._further[cls] += 1
        after, trace = _next(record, round(pause * NS)), ""
        if self._tracing is not None:
            trace = self._tracing.traceparent(index, record.call.turn, after.attempt)
        self._hold(replace(prepared, record=after, trace=trace))
        return True

    def _hold(self, prepared: Prepared) -> None:
        record = prepared.record
        leave = record.call.leave_after
        until = min(record.due, record.planned + leave) if leave else record.due
        act = self._go if until == record.due else self._leave
        delay = max(0, until - self._clock()) / NS
        self._waiting[record.call.index] = prepared, asyncio.get_running_loop().call_later(delay, act, prepared)

    def _go(self, prepared: Prepared) -> None:
        del self._waiting[prepared.record.call.index]
        self._again(prepared)

    def _leave(self, prepared: Prepared) -> None:
        call = prepared.record.call
        del self._waiting[call.index]
        after = format_seconds(call.leave_after / NS)
        self._left(prepared, Outcome.CANCELLED, f"the user left after {after}, waiting to try again")

    def close(self) -> list[Prepared]:
        """Nothing is tried again any more; the attempts that were still to come."""
        self._closed = True
        waiting, self._waiting = self._waiting, {}
        for _, timer in waiting.values():
            timer.cancel()
        return [prepared for prepared, _ in waiting.values()]


def _next(record: Record, pause: int) -> Record:
    """The attempt after ``record``, ``pause`` ns after its end. To the user it is the same call, planned as before."""
    after = Record(record.call, record.planned, record.phase, record.origin)
    after.worker = record.worker
    after.attempt = record.attempt + 1
    after.due = record.end + pause
    after.retry_wait = (record.retry_wait or 0) + pause
    if record.answer.text is not None:
        after.answer = Answer(keep_text=True)
    return after
