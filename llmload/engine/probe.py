"""The worker looks at itself: how late its event loop is, how long the garbage collector held it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

from llmload.clock import Clock, monotonic_ns, wall_time
from llmload.metrics.health import WorkerHealth

__all__ = ["LoopProbe"]

_EVERY_SECONDS = 0.05
_WALL_JUMP_SECONDS = 0.5


class LoopProbe:
    """Collects what only the worker's own loop can know; ``take`` gives what was collected since the last one."""

    def __init__(self, worker: int, path: str, clock: Clock = monotonic_ns) -> None:
        self._worker = worker
        self._path = path
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._due = 0
        self._handle: asyncio.TimerHandle | None = None
        self._lags: list[int] = []
        self._pauses: list[int] = []
        self._collecting = 0
        self._cpu = time.process_time()
        self._wall = time.monotonic()
        self._offset = wall_time() - self._wall

    def begin(self) -> None:
        """Start looking; a virtual clock has no lag to look at."""
        gc.callbacks.append(self._collected)
        if self._clock is monotonic_ns:
            self._arm()

    def end(self) -> None:
        """Stop looking."""
        if self._handle is not None:
            self._handle.cancel()
        if self._collected in gc.callbacks:
            gc.callbacks.remove(self._collected)

    def _arm(self) -> None:
        when = self._loop.time() + _EVERY_SECONDS
        self._due = self._clock() + round(_EVERY_SECONDS * 1e9)
        self._handle = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._lags.append(max(0, self._clock() - self._due) // 1000)
        self._arm()

    def _collected(self, phase: str, _info: dict[str, Any]) -> None:
        if phase == "start":
            self._collecting = self._clock()
        else:
            self._pauses.append((self._clock() - self._collecting) // 1000)

    def take(self, fill: Callable[[WorkerHealth], None]) -> WorkerHealth:
        """What was seen since the last ``take``; ``fill`` adds what the engine knows."""
        health = WorkerHealth(worker=self._worker)
        health.loop_lag.record(self._lags)
        health.gc_pause.record(self._pauses)
        self._lags, self._pauses = [], []
        wall, cpu = time.monotonic(), time.process_time()
        if wall > self._wall:
            health.cpu.add((cpu - self._cpu) / (wall - self._wall))
        offset = wall_time() - wall
        health.clock_jumps = int(abs(offset - self._offset) > _WALL_JUMP_SECONDS)
        self._wall, self._cpu, self._offset = wall, cpu, offset
        health.fallback = self._path
        fill(health)
        return health
