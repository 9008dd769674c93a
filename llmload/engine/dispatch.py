"""The open model: each arrival at its own absolute time, whatever became of the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from llmload.clock import DUE, NEVER, Clock, monotonic_ns
from llmload.engine.alarm import make_alarm
from llmload.engine.call import Prepared
from llmload.engine.caller import Caller
from llmload.records import Arrival

__all__ = ["Dispatcher"]

_AHEAD = 32
"""Calls prepared before their time, so that building a request never delays one that is due."""

_AT_ONCE = 64
"""Arrivals started in one go before the loop may read again."""


class Dispatcher:
    """Walks the schedule; ``run`` ends when the last arrival was handed over or ``stop`` was called.

    ``due``: how many arrivals there are, asked for only when some are left over.
    """

    def __init__(self, arrivals: Iterator[Arrival], due: Callable[[], int], caller: Caller, clock: Clock) -> None:
        self._arrivals = arrivals
        self._due = due
        self._handed_over = 0
        self._caller = caller
        self._clock = clock
        self._ready: deque[Prepared] = deque()
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alarm = make_alarm(self._ring, clock)
        self.alarm_kind = self._alarm.kind
        self._fill(_AHEAD)

    async def run(self) -> None:
        """Dispatch until the schedule is at its end."""
        try:
            self._ring()
            await self._done
        finally:
            self._alarm.close()
            DUE.clear()

    def stop(self) -> None:
        """Dispatch nothing more."""
        if not self._done.done():
            self._done.set_result(None)

    def left(self) -> int:
        """Arrivals that were due in all and not handed over."""
        return self._due() - self._handed_over

    def _fill(self, count: int) -> None:
        for arrival in islice(self._arrivals, count):
            self._ready.append(self._caller.prepare(arrival.index, arrival.at))

    def _ring(self) -> None:
        DUE.at = NEVER
        if self._done.done():
            return
        try:
            self._hand_over()
        except Exception as error:  # a bug of ours must end the run, not silence it
            self._done.set_exception(error)

    def _hand_over(self) -> None:
        ready = self._ready
        for _ in range(_AT_ONCE):
            if not ready:
                self._fill(1)
            if not ready:
                self.stop()
                return
            if ready[0].record.planned > self._clock():
                break
            self._handed_over += 1
            self._caller.arrive(ready.popleft())
        else:
            self._alarm.set(self._clock())  # more are due; let the loop read first
            return
        if len(ready) < _AHEAD:
            self._fill(2)
        self._alarm.set(ready[0].record.planned)
        if self._clock is monotonic_ns:  # in virtual time nobody reads the clock on the way
            DUE.at, DUE.ring = ready[0].record.planned, self._ring
