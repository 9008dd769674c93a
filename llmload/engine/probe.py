"""The worker looks at itself: how late its event loop is and why, how long the garbage collector held it.

An alarm is set to times that are drawn at random, 50 a second; what it is late by is what a chunk that arrived at
that time would have been stamped late by. Every drawn time counts, those too that passed while the loop stood still:
a loop that was held for 1 s is not one late alarm but fifty.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from llmload.clock import NS, Clock, monotonic_ns, wall_time
from llmload.engine.alarm import Alarm, make_alarm
from llmload.engine.whereabouts import Look, Whereabouts, blame
from llmload.metrics.disturbance import Cause
from llmload.metrics.health import WorkerHealth

__all__ = ["LoopProbe"]

_EVERY: Final = 20_000_000
"""Nanoseconds between two looks, on average."""
_LATE: Final = 1_000_000
"""Nanoseconds of lag from which we ask for the cause."""
_MOST_AT_ONCE: Final = 100_000
"""Lags of a single hold: of one longer than half an hour the rest is left out."""
_SLEPT: Final = 0.1
_SET: Final = 0.5
"""Seconds between two looks at the clocks that are more than their drift."""


class LoopProbe:
    """Collects what only the worker's own loop can know; ``take`` gives what was collected since the last one."""

    def __init__(self, worker: int, path: str, clock: Clock = monotonic_ns) -> None:
        self._worker = worker
        self._path = path
        self._clock = clock
        self._random = random.Random(worker)  # noqa: S311 - not a secret
        self._alarm: Alarm | None = None
        self._start = self._due = 0
        self._unmeasured: Sequence[tuple[int, int]] = ()
        self._where: Whereabouts | None = None
        """None while nobody looks, or where the run failed before it got here: ``take`` has little to say then."""
        self._seen = self._taken = Look()
        self._lags: list[int] = []
        self._pauses: list[int] = []
        self._collecting = self._collected = 0
        self._health = WorkerHealth(worker=worker)
        self._clocks = _Clocks.now()

    def begin(self, start: int = 0, unmeasured: Sequence[tuple[float, float]] = ()) -> None:
        """Start looking, for a run that starts at monotonic ns ``start``. Lags before it and in its ``unmeasured``
        stretches (seconds from the start) don't count. A virtual clock has no lag to look at."""
        self._start = start
        self._unmeasured = [(start + round(begin * NS), start + round(end * NS)) for begin, end in unmeasured]
        gc.callbacks.append(self._collection)
        self._clocks, self._where = _Clocks.now(), Whereabouts()
        self._seen = self._taken = self._look()
        if self._clock is monotonic_ns:
            self._alarm = make_alarm(self._ring, self._clock)
            self._due = max(start, self._clock())
            self._alarm.set(self._due)

    def end(self) -> None:
        """Stop looking."""
        if self._alarm is not None:
            self._alarm.close()
        if self._collection in gc.callbacks:
            gc.callbacks.remove(self._collection)
        if self._where is not None:
            self._where.close()

    def _look(self) -> Look:
        return Look() if self._where is None else self._where.look()

    def _ring(self) -> None:
        now, seen = self._clock(), self._look()
        if now - self._due >= _LATE:
            self._disturbed(now - self._due, seen)
        self._seen, self._collected = seen, 0
        for _ in range(_MOST_AT_ONCE):
            if self._due > now:
                break
            if not any(begin <= self._due < end for begin, end in self._unmeasured):
                self._lags.append((now - self._due) // 1000)
            self._due += round(_EVERY * (0.5 + self._random.random()))
        self._due = max(self._due, now)
        if self._alarm is not None:
            self._alarm.set(self._due)

    def _disturbed(self, lag: int, seen: Look) -> None:
        cause = blame(lag, self._seen, seen, self._collected)
        self._health.disturbances.add(cause, (self._due - self._start) // 1000, lag // 1000)

    def _collection(self, phase: str, _info: dict[str, Any]) -> None:
        if phase == "start":
            self._collecting = self._clock()
        else:
            pause = self._clock() - self._collecting
            self._collected += pause
            self._pauses.append(pause // 1000)

    def take(self, fill: Callable[[WorkerHealth], None]) -> WorkerHealth:
        """What was seen since the last ``take``; ``fill`` adds what the engine knows."""
        health, self._health = self._health, WorkerHealth(worker=self._worker)
        health.fallback = self._path
        health.loop_lag.record(self._lags)
        health.gc_pause.record(self._pauses)
        self._lags, self._pauses = [], []
        self._look_at_clocks(health)
        fill(health)
        return health

    def _look_at_clocks(self, health: WorkerHealth) -> None:
        before, now = self._clocks, _Clocks.now()
        looked, here = self._taken, self._look()
        self._clocks, self._taken = now, here
        seconds = now.monotonic - before.monotonic
        if seconds > 0:
            health.cpu.add((now.cpu - before.cpu) / seconds)
            health.cpu_wait.add((here.waited - looked.waited) / NS / seconds)
        at = max(0, round((before.monotonic - self._start / NS) * 1e6))
        slept = now.asleep - before.asleep
        jumped = abs(now.set_by - before.set_by - max(0.0, slept))
        for cause, amount, most in ((Cause.SUSPENDED, slept, _SLEPT), (Cause.CLOCK, jumped, _SET)):
            if amount > most:
                health.clock_jumps += 1
                health.disturbances.add(cause, at, round(amount * 1e6))


class _Clocks(NamedTuple):
    """Seconds. ``asleep``: by which the clock that runs on while the machine sleeps is ahead of the monotonic one."""

    monotonic: float
    cpu: float
    asleep: float
    set_by: float
    """By which the wall clock is ahead of the monotonic one."""

    @classmethod
    def now(cls) -> _Clocks:
        asleep = 0.0
        if sys.platform == "linux":
            asleep = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
        monotonic = time.monotonic()
        return cls(monotonic, time.process_time(), asleep, wall_time() - monotonic)
