"""Workers on this machine: spawned, spoken to over pipes, their Summaries added up."""

from __future__ import annotations

import math
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from llmload.clock import monotonic_ns
from llmload.cluster.courier import Batch, fold
from llmload.cluster.messages import Begin, Drain, Failed, Finished, Job, Ready, Stop, Unreachable, receive, send
from llmload.cluster.worker import work
from llmload.engine.run import recorder_setup
from llmload.errors import ExitStatus, LlmloadError, UnreachableError, UsageError
from llmload.metrics.recorder import Recorder
from llmload.metrics.summary import Summary
from llmload.records import Record
from llmload.scenario.plan import Plan

__all__ = ["LocalCluster", "Lost", "WorkerCrash"]

_LEAD_NS = 150_000_000
"""From the last worker's Ready to the start of the run: time enough for Begin to arrive everywhere."""
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_STARVED_SECONDS = 3.0
"""So late, this process is being kept from running: the end of the run or a Ctrl-C would wait for ever."""
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


@contextmanager
def _stepped_back() -> Iterator[Callable[[], None]]:
    """Inside, this process runs only where nothing else wants to: folding and drawing can wait, measuring can't.

    Where parent and worker share a core, even a nice parent would finish its time slice (some ms) before a worker
    that has just been woken gets its turn; Linux lets go of a SCHED_IDLE process at once. On a machine that is busy
    with other things such a process hardly ever runs: calling what this yields ends it early.
    """
    try:
        before = os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):  # not Linux, or not allowed here
        yield lambda: None
        return

    def forward() -> None:
        with suppress(OSError):
            os.sched_setscheduler(0, before, os.sched_param(0))

    try:
        yield forward
    finally:
        forward()


class WorkerCrash(LlmloadError):
    """A worker ended because of a bug of ours; the message holds its traceback."""

    status = ExitStatus.INVALID


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone without having finished. ``traceback``: where it failed, if that was a bug of ours."""

    worker: int
    traceback: str = ""


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    finished: bool = False
    in_flight: int = 0
    traceback: str = ""


class LocalCluster:
    """Use as a context manager; leaving it ends every worker.

    ``begin`` starts the run; ``events`` goes on until all workers have finished or are lost, folding what they send;
    ``take`` gives what was folded since. ``hook`` is called with every finished call (without its texts).
    """

    def __init__(self, plan: Plan, workers: int = 1, hook: Callable[[Record], None] | None = None) -> None:
        self._plan = plan
        self._hook = hook
        self._recorders: list[Recorder] = []
        self._context = multiprocessing.get_context("spawn")
        self._inbox: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._jobs = [Job(plan, shard, workers) for shard in range(workers)]
        self._workers: list[_Worker] = []
        self._listeners: list[threading.Thread] = []
        self._patience = math.inf
        """Monotonic seconds at which workers that were told to stop, and have not, are killed."""
        self.fallback = ""
        self.start = 0
        """Monotonic ns of the run's start, once it has begun."""

    def __enter__(self) -> LocalCluster:
        resource_tracker.ensure_running()  # it resets the signal mask when it starts
        for job in self._jobs:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=work, args=(theirs, job), name=f"llmload-{job.shard}", daemon=True)
            with _signals_held():
                process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))
            listener = threading.Thread(target=self._listen, args=(job.shard, ours), daemon=True)
            listener.start()
            self._listeners.append(listener)
        return self

    def __exit__(self, *_: object) -> None:
        self._tell(Stop())
        for worker in self._workers:
            worker.process.join(_END_SECONDS if worker.finished else 0.5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        for worker, listener in zip(self._workers, self._listeners, strict=True):
            listener.join(_END_SECONDS)  # it ends with its worker; a pipe must not be closed under it
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

    def begin(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until every worker is ready, then name the start.

        ``meanwhile`` is called several times a second and may raise to give up.
        Raises UnreachableError, UsageError, or WorkerCrash.
        """
        last = time.monotonic() + _START_SECONDS
        for _ in self._workers:
            message = self._first_word(last, meanwhile)
            if isinstance(message, Unreachable):
                raise (UsageError if message.usage else UnreachableError)(message.text)
            if isinstance(message, Failed | Lost):
                raise WorkerCrash(getattr(message, "text", "a worker died while starting"))
            assert isinstance(message, Ready)
            self.fallback = message.fallback
        self.start = monotonic_ns() + _LEAD_NS
        setups = (recorder_setup(self._plan, self.start, worker) for worker in range(len(self._workers)))
        self._recorders = [Recorder(setup) for setup in setups]
        self._tell(Begin(self.start))

    def _first_word(self, last: float, meanwhile: Callable[[], None]) -> Any:
        while time.monotonic() < last:
            meanwhile()
            with suppress(queue.Empty):
                return self._inbox.get(timeout=_LOOK_SECONDS)[1]
        raise WorkerCrash(f"a worker was not ready within {_START_SECONDS:g} s")

    def take(self) -> Summary:
        """What was folded since the last take."""
        total = self._recorders[0].take()
        for recorder in self._recorders[1:]:
            total.merge(recorder.take())
        return total

    def events(self, every: float = 0.1) -> Iterator[Lost | None]:
        """Lost for each worker that died; None about every ``every`` seconds, so that others get their turn."""
        with _stepped_back() as forward:
            yield from self._events(every, forward)

    def _events(self, every: float, starved: Callable[[], None]) -> Iterator[Lost | None]:
        turn = time.monotonic() + every
        while not all(worker.finished for worker in self._workers):
            try:
                number, message = self._inbox.get(timeout=max(0.001, turn - time.monotonic()))
            except queue.Empty:
                pass
            else:
                if self._handle(number, message):
                    yield Lost(number, self._workers[number].traceback)
            if time.monotonic() >= turn + _STARVED_SECONDS:
                starved()
            if time.monotonic() >= self._patience:
                self._kill()
            if time.monotonic() >= turn:
                turn = time.monotonic() + every
                yield None

    def _handle(self, number: int, message: Any) -> bool:
        """Take one message in; True when it means that the worker is lost."""
        worker = self._workers[number]
        if isinstance(message, Batch):
            worker.in_flight = message.in_flight
            for record in fold(message, self._recorders[number]):
                if self._hook is not None:
                    self._hook(record)
        elif isinstance(message, Failed):
            worker.traceback = message.text
        elif isinstance(message, Finished):
            worker.finished = True
        elif isinstance(message, Lost) and not worker.finished:
            worker.finished, worker.in_flight = True, 0
            return True
        return False

    def drain(self) -> None:
        """Start nothing more, let calls in flight end."""
        self._tell(Drain())

    def stop(self) -> None:
        """End now; a worker that can't is killed, and lost."""
        self._patience = min(self._patience, time.monotonic() + _END_SECONDS)
        self._tell(Stop())

    def _kill(self) -> None:
        for worker in self._workers:
            if not worker.finished:
                worker.process.kill()

    def _tell(self, message: Any) -> None:
        for worker in self._workers:
            if not worker.finished:
                try:
                    send(worker.pipe, message)
                except OSError:
                    continue  # it is gone; _listen says so
