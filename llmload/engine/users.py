"""The closed model: users who call (or hold a session), wait for the answer, think, and call again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from llmload.arrivals.closed import Think, Users, spread
from llmload.clock import NS, Clock
from llmload.engine.caller import Caller
from llmload.records import Origin
from llmload.scenario.plan import Plan

__all__ = ["Crowd"]

_TICK_SECONDS = 0.02
"""How exactly the number of users follows its curve."""


class Crowd:
    """As many users as the curve says; a user who leaves finishes the call it is in, and its session there."""

    def __init__(self, plan: Plan, caller: Caller, indexes: Iterator[int], shard: int, of: int, clock: Clock) -> None:
        self._duration = plan.load.duration
        self._users = Users(plan.load.curve)
        self._think = Think(plan.load.think, plan.load.think_random, plan.seeds.arrivals)
        self._caller = caller
        self._indexes = indexes
        self._shard = shard
        self._of = of
        self._clock = clock
        self._wanted = 0
        self._present: dict[int, asyncio.Task[None]] = {}
        self._stopped = asyncio.Event()
        self._exhausted = False
        """No further call is to be made; sessions that have begun go on."""

    async def run(self) -> None:
        """Follow the curve to its end; calls in flight then are left running."""
        loop = asyncio.get_running_loop()
        begin = loop.time() + (self._caller.start - self._clock()) / NS
        end = begin + self._duration
        try:
            await self._wait_until(begin)
            while not self._stopped.is_set() and (now := loop.time()) < end:
                self._adjust(max(0.0, now - begin))
                await self._wait_until(min(now + _TICK_SECONDS, end))
        finally:
            self._wanted = 0
            for user in self._present.values():
                user.cancel()

    async def _wait_until(self, when: float) -> None:
        """Until that time of the loop, or until ``stop``."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._stopped.wait()

    def stop(self) -> None:
        """Nobody starts another call."""
        self._stopped.set()

    def left(self) -> int:
        """A closed model has no arrivals that could be left over."""
        return 0

    def _adjust(self, seconds: float) -> None:
        self._wanted = self._users.share(seconds, self._shard, self._of)
        if len(self._present) >= self._wanted:
            return
        for number in range(self._wanted):
            if number not in self._present:
                user = self._present[number] = asyncio.create_task(self._live(number))
                user.add_done_callback(partial(self._left, number))

    def _left(self, number: int, user: asyncio.Task[None]) -> None:
        del self._present[number]
        if not user.cancelled() and (error := user.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "a user failed", "exception": error})

    async def _live(self, number: int) -> None:
        user = number * self._of + self._shard
        wait = spread(user, self._think.mean, self._duration)
        ready = self._clock() + round(wait * NS)
        turn = 0
        if wait > 0:
            await asyncio.sleep(wait)
        while number < self._wanted:
            index = next(self._indexes, None)
            if index is None:
                self._exhausted = True
                self.stop()
                return
            prepared = self._caller.prepare(index, ready - self._caller.start, Origin.USER)
            await self._caller.arrive_user(prepared, lambda: self._exhausted or number < self._wanted)
            pause = self._think.pause(user, turn)
            ready = self._clock() + round(pause * NS)
            turn += 1
            if pause > 0:
                await asyncio.sleep(pause)
