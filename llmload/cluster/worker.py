"""The process that measures: one engine on one event loop, and nothing that could hold the interpreter for long."""

from __future__ import annotations

import asyncio
import gc
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from llmload.clock import monotonic_ns
from llmload.cluster.courier import Courier
from llmload.cluster.messages import (
    Begin,
    Drain,
    Failed,
    Finished,
    Job,
    NoRoom,
    Ready,
    Stop,
    Unreachable,
    receive,
    send,
)
from llmload.engine.run import Engine
from llmload.errors import LlmloadError, OutOfDescriptors, UnreachableError
from llmload.room import need_descriptors, out_of_descriptors, raise_descriptors
from llmload.transport.choice import open_transport

__all__ = ["work"]

_BATCH_SECONDS = 0.025
"""Often, so that no batch is large enough to hold up the loop."""
_HEALTH_EVERY = 20
"""Batches from one look at ourselves to the next."""
_LEAST_DESCRIPTORS = 12
"""An event loop, its signals and its timers, a name to look up, a connection."""
_GC_THRESHOLDS = (100_000, 50, 100)
"""Calls leave no cycles behind, however they end, so the collector has nothing to find; it only guards against what we
don't know of. Its pauses are in the health."""


def work(pipe: Connection, job: Job) -> None:
    """Entry point of a worker process."""
    # Ctrl-C reaches the whole foreground group; the parent decides what it means and tells us over the pipe. (It
    # started us with these signals blocked; ignoring them takes those away that came meanwhile.)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    raise_descriptors()
    post = _Post(pipe)
    try:
        need_descriptors(_LEAST_DESCRIPTORS)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_Worker(pipe, post, job).run())
        post(Finished())
    except OutOfDescriptors as error:
        post(NoRoom(str(error)))
    except UnreachableError as error:
        post(Unreachable(str(error)))
    except LlmloadError as error:
        post(Unreachable(str(error), usage=True))
    except BaseException as error:
        lack = out_of_descriptors(error)
        post(Failed(traceback.format_exc()) if lack is None else NoRoom(str(lack)))
    finally:
        post.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class _Post:
    """Sends from a thread of its own, so that a parent that is busy drawing never holds up the loop."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="post", daemon=True)
        self._thread.start()

    def __call__(self, message: Any) -> None:
        self._queue.put(message)

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                send(self._pipe, message)
            except OSError:
                return  # the parent is gone; the worker notices on its reading side

    def close(self) -> None:
        """Send what is queued, then end."""
        self._queue.put(None)
        self._thread.join(timeout=30)


class _Worker:
    def __init__(self, pipe: Connection, post: _Post, job: Job) -> None:
        self._pipe = pipe
        self._post = post
        self._job = job
        self._courier = Courier()
        self._begin: asyncio.Future[int]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._begin = loop.create_future()
        job = self._job
        transport, fallback = open_transport(job.plan.targets)
        engine = Engine(job.plan, transport, shard=job.shard, of=job.of)
        threading.Thread(target=self._listen, args=(loop, engine), name="listen", daemon=True).start()
        try:
            await engine.open()
            _settle_gc()
            self._post(Ready(transport.path, fallback))
            start = await self._begin
            await self._measure(engine, start)
        finally:
            await transport.close()

    async def _measure(self, engine: Engine, start: int) -> None:
        running = asyncio.ensure_future(engine.run(start, self._courier))
        for number in count(1):
            await asyncio.wait((running,), timeout=_BATCH_SECONDS)
            last = running.done()
            health = engine.health() if last or number % _HEALTH_EVERY == 0 else None
            self._courier.in_flight(engine.in_flight, monotonic_ns())  # also where nothing begins or ends
            self._post(self._courier.take(engine.in_flight, health))
            if last:
                break
        running.result()

    def _listen(self, loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
        """Thread: obey the parent; a parent that is gone means stop."""
        with suppress(RuntimeError):  # the loop is closed: there is nothing left to obey
            try:
                while True:
                    self._obey(receive(self._pipe), loop, engine)
            except (EOFError, OSError):
                loop.call_soon_threadsafe(self._orphaned, engine)

    def _obey(self, message: object, loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
        if isinstance(message, Begin):
            loop.call_soon_threadsafe(self._begin.set_result, message.at)
        elif isinstance(message, Drain):
            loop.call_soon_threadsafe(engine.drain)
        elif isinstance(message, Stop):
            loop.call_soon_threadsafe(engine.stop)

    def _orphaned(self, engine: Engine) -> None:
        engine.stop()
        if not self._begin.done():
            self._begin.cancel()


def _settle_gc() -> None:
    """Everything made so far lives until the end: keep the collector from looking at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
