"""Later turns of conversations: each at its own absolute time, from the answer before it."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from llmload.clock import Clock
from llmload.engine.alarm import Alarm, make_alarm
from llmload.engine.call import Prepared

__all__ = ["Sessions"]


class Sessions:
    """Calls that wait for their time; ``arrive`` is called with each when it has come."""

    def __init__(self, arrive: Callable[[Prepared], None], clock: Clock) -> None:
        self._arrive = arrive
        self._clock = clock
        self._waiting: list[tuple[int, int, Prepared]] = []
        self._order = count()
        self._alarm: Alarm | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, prepared: Prepared) -> None:
        """Have it sent at its planned time."""
        if self._alarm is None:  # most runs have no conversations
            self._alarm = make_alarm(self._ring, self._clock)
        heappush(self._waiting, (prepared.record.planned, next(self._order), prepared))
        self._alarm.set(self._waiting[0][0])

    def _ring(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._clock():
            self._arrive(heappop(self._waiting)[2])
        if self._waiting and self._alarm is not None:
            self._alarm.set(self._waiting[0][0])

    def close(self) -> None:
        """Nobody says anything more."""
        self._waiting.clear()
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
