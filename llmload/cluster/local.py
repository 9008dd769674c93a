"""Workers on this machine: spawned, spoken to over pipes, their Summaries added up."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from llmload.clock import monotonic_ns
from llmload.cluster.messages import (
    Begin, Delta, Drain, Failed, Finished, Job, Lines, Ready, Stop, Unreachable, receive, send,
)  # fmt: skip
from llmload.cluster.worker import work
from llmload.errors import LlmloadError, UnreachableError, UsageError
from llmload.scenario.plan import Plan

__all__ = ["LocalCluster", "Lost", "WorkerCrash"]

_LEAD_NS = 150_000_000
"""From the last worker's Ready to the start of the run: time enough for Begin to arrive everywhere."""
_START_SECONDS = 120.0
_END_SECONDS = 10.0


@contextmanager
def _signals_held() -> Iterator[None]:
    """A process started inside never sees the signals that ask a run to end: its parent answers them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerCrash(LlmloadError):
    """A worker ended because of a bug of ours; the message holds its traceback."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone without having finished."""

    worker: int


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    finished: bool = False
    in_flight: int = 0


class LocalCluster:
    """Use as a context manager; leaving it ends every worker.

    ``begin`` starts the run; ``events`` yields (worker, message) as they come and None when nothing came for a while,
    until all workers have finished or are lost.
    """

    def __init__(self, plan: Plan, workers: int = 1, records: bool = False, chunks: bool = False) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._inbox: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._jobs = [Job(plan, shard, workers, records, chunks) for shard in range(workers)]
        self._workers: list[_Worker] = []
        self.fallback = ""
        self.start = 0
        """Monotonic ns of the run's start, once it has begun."""

    def __enter__(self) -> LocalCluster:
        resource_tracker.ensure_running()  # type: ignore[attr-defined]  # it resets the signal mask when it starts
        for job in self._jobs:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=work, args=(theirs, job), name=f"llmload-{job.shard}", daemon=True)
            with _signals_held():
                process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))
            threading.Thread(target=self._listen, args=(job.shard, ours), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tell(Stop())
        for worker in self._workers:
            worker.process.join(_END_SECONDS if worker.finished else 0.5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()

    def _listen(self, number: int, pipe: Connection) -> None:
        try:
            while True:
                message = receive(pipe)
                self._inbox.put((number, message))
        except (EOFError, OSError):
            self._inbox.put((number, Lost(number)))

    @property
    def pids(self) -> dict[int, int]:
        """Process id of each worker."""
        return {number: worker.process.pid or 0 for number, worker in enumerate(self._workers)}

    @property
    def in_flight(self) -> int:
        """Calls in flight when the workers last said so."""
        return sum(worker.in_flight for worker in self._workers)

    def begin(self) -> None:
        """Wait until every worker is ready, then name the start.

        Raises UnreachableError, UsageError, or WorkerCrash.
        """
        for _ in self._workers:
            try:
                _, message = self._inbox.get(timeout=_START_SECONDS)
            except queue.Empty:
                raise WorkerCrash(f"a worker was not ready within {_START_SECONDS:g} s") from None
            if isinstance(message, Unreachable):
                raise (UsageError if message.usage else UnreachableError)(message.text)
            if isinstance(message, Failed | Lost):
                raise WorkerCrash(getattr(message, "text", "a worker died while starting"))
            assert isinstance(message, Ready)
            self.fallback = message.fallback
        self.start = monotonic_ns() + _LEAD_NS
        self._tell(Begin(self.start))

    def events(self, every: float = 0.1) -> Iterator[tuple[int, Delta | Lines | Lost | None]]:
        """Messages of the run; (-1, None) at least every ``every`` seconds."""
        while not all(worker.finished for worker in self._workers):
            try:
                number, message = self._inbox.get(timeout=every)
            except queue.Empty:
                yield -1, None
                continue
            worker = self._workers[number]
            if isinstance(message, Failed):
                raise WorkerCrash(message.text)
            if isinstance(message, Finished):
                worker.finished = True
            elif isinstance(message, Lost):
                if not worker.finished:
                    worker.finished, worker.in_flight = True, 0
                    yield number, message
            else:
                if isinstance(message, Delta):
                    worker.in_flight = message.in_flight
                yield number, message

    def drain(self) -> None:
        """Start nothing more, let calls in flight end."""
        self._tell(Drain())

    def stop(self) -> None:
        """End now."""
        self._tell(Stop())

    def _tell(self, message: Any) -> None:
        for worker in self._workers:
            if not worker.finished:
                try:
                    send(worker.pipe, message)
                except OSError:
                    continue  # it is gone; _listen says so
