"""Workers on this machine: spawned, spoken to over pipes, their Summaries added up."""

from __future__ import annotations

import math
import multiprocessing
import queue
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from typing import Any

from llmload.clock import NS, monotonic_ns
from llmload.cluster.bare import without_main
from llmload.cluster.courier import Batch, fold
from llmload.cluster.losses import Ledger, Loss, lost_calls, never_sent
from llmload.cluster.member import Member
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
from llmload.cluster.standing import signals_held, stepped_back
from llmload.cluster.worker import work
from llmload.engine.run import recorder_setup
from llmload.errors import ExitStatus, LlmloadError, OutOfDescriptors, UnreachableError, UsageError
from llmload.metrics.health import WorkerHealth
from llmload.metrics.pairing import Waiting
from llmload.metrics.recorder import Recorder
from llmload.metrics.summary import Summary
from llmload.records import Record
from llmload.room import raise_descriptors
from llmload.scenario.plan import Plan
from llmload.units import format_seconds, format_share

__all__ = ["LocalCluster", "Lost", "Silent", "WorkerCrash"]

_LEAD_NS = 150_000_000
"""From the last worker's Ready to the start of the run: time enough for Begin to arrive everywhere."""
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_STARVED_SECONDS = 3.0
"""So late, this process is being kept from running: the end of the run or a Ctrl-C would wait for ever."""
_END_SECONDS = 10.0
_SILENT_SECONDS = 5.0
"""A worker says something 40 times a second, whatever its target does: one that is silent so long does not run."""
_GIVEN_UP_SECONDS = 10.0
"""A worker that is silent so long when the run is at its end is ended with it."""
_ABSENT_SECONDS = 1.0
"""When this process itself did not run for so long, nobody's silence means anything."""


class WorkerCrash(LlmloadError):
    """A worker ended because of a bug of ours; the message holds its traceback."""

    status = ExitStatus.INVALID


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone without having finished; ``how``, in words: "was ended by SIGKILL".

    Its calls under way are recorded as unfinished, and those it had still to send are in its health as unsent, so what
    became of calls adds up to those planned. ``traceback``: where it failed, if that was a bug of ours.
    """

    worker: int
    how: str = ""
    loss: Loss = field(default_factory=Loss)
    traceback: str = ""

    def __str__(self) -> str:
        loss = self.loss
        share = f" ({format_share(loss.unsent / loss.due)})" if loss.due else ""
        unsent = f"{loss.unsent:,} of its {loss.due:,} calls{share} are not sent" if loss.due else "its users are gone"
        lost = f"; {loss.unfinished:,} calls under way were lost with it" if loss.unfinished else ""
        return f"worker {self.worker} {self.how}, {format_seconds(loss.seconds)} into the run: {unsent}{lost}"


@dataclass(frozen=True, slots=True)
class Silent:
    """A worker that still runs has not been heard of for so many seconds; 0: it is back."""

    worker: int
    seconds: float

    def __str__(self) -> str:
        if not self.seconds:
            return f"worker {self.worker} is back"
        return f"worker {self.worker} has not been heard of for {format_seconds(self.seconds)}: is it stopped?"


@dataclass(frozen=True, slots=True)
class _Gone:
    """The pipe of a worker is closed: there will be no more messages."""


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
        self._workers: list[Member] = []
        self._listeners: list[threading.Thread] = []
        self._patience = math.inf
        """Monotonic seconds at which workers that were told to stop, and have not, are killed."""
        self._draining = False
        self._awake = self._looked = 0.0
        """Monotonic seconds since when this process has run without a break; when it last looked."""
        self.fallback = ""
        self.start = 0
        """Monotonic ns of the run's start, once it has begun."""

    def __enter__(self) -> LocalCluster:
        raise_descriptors()
        resource_tracker.ensure_running()  # it resets the signal mask when it starts
        for job in self._jobs:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=work, args=(theirs, job), name=f"llmload-{job.shard}", daemon=True)
            with signals_held(), without_main():
                process.start()
            theirs.close()
            worker = Member(process, ours, Ledger(job.shard, job.of))
            self._workers.append(worker)
            listener = threading.Thread(target=self._listen, args=(job.shard, worker), daemon=True)
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

    def _listen(self, number: int, worker: Member) -> None:
        try:
            while True:
                message = receive(worker.pipe)
                worker.heard = time.monotonic()
                self._inbox.put((number, message))
        except (EOFError, OSError):
            self._inbox.put((number, _Gone()))

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
        Raises UnreachableError, UsageError, OutOfDescriptors, or WorkerCrash.
        """
        last = time.monotonic() + _START_SECONDS
        missing = set(range(len(self._workers)))
        while missing:
            number, message = self._first_word(last, meanwhile, missing)
            if isinstance(message, Unreachable):
                raise (UsageError if message.usage else UnreachableError)(message.text)
            if isinstance(message, NoRoom):
                raise OutOfDescriptors(f"worker {number} can't start: {message.text}")
            if isinstance(message, Failed):
                raise WorkerCrash(message.text)
            if isinstance(message, _Gone):
                how = self._workers[number].ending()
                raise WorkerCrash(f"worker {number} {how} while starting; nothing was sent")
            assert isinstance(message, Ready)
            missing.discard(number)
            self.fallback = message.fallback
        self.start = monotonic_ns() + _LEAD_NS
        setups = (recorder_setup(self._plan, self.start, worker) for worker in range(len(self._workers)))
        waiting: Waiting = {}
        self._recorders = [Recorder(setup, waiting) for setup in setups]
        self._tell(Begin(self.start))

    def _first_word(self, last: float, meanwhile: Callable[[], None], missing: set[int]) -> tuple[int, Any]:
        while time.monotonic() < last:
            meanwhile()
            with suppress(queue.Empty):
                return self._inbox.get(timeout=_LOOK_SECONDS)
        who = ", ".join(str(number) for number in sorted(missing))
        raise WorkerCrash(f"not ready within {_START_SECONDS:g} s: worker {who}; nothing was sent")

    def take(self) -> Summary:
        """What was folded since the last take."""
        total = self._recorders[0].take()
        for recorder in self._recorders[1:]:
            total.merge(recorder.take())
        return total

    def events(self, every: float = 0.1) -> Iterator[Lost | Silent | None]:
        """Lost for each worker that died, Silent for one that seems to hang; None about every ``every`` seconds, so
        that others get their turn."""
        with stepped_back() as forward:
            yield from self._events(every, forward)

    def _events(self, every: float, starved: Callable[[], None]) -> Iterator[Lost | Silent | None]:
        turn = time.monotonic() + every
        self._awake = self._looked = time.monotonic()
        while not all(worker.finished for worker in self._workers):
            try:
                number, message = self._inbox.get(timeout=max(0.001, turn - time.monotonic()))
            except queue.Empty:
                pass
            else:
                if self._handle(number, message):
                    yield self._write_off(number)
            if time.monotonic() >= turn + _STARVED_SECONDS:
                starved()
            if time.monotonic() >= self._patience:
                self._kill(f"did not stop within {_END_SECONDS:g} s and was ended", self._workers)
            if time.monotonic() >= turn:
                turn = time.monotonic() + every
                yield from self._silences(time.monotonic())
                yield None

    def _handle(self, number: int, message: Any) -> bool:
        """Take one message in; True when it means that the worker is lost."""
        worker = self._workers[number]
        if isinstance(message, Batch):
            self._take_in(message, number)
        elif isinstance(message, Failed):
            worker.traceback = message.text
        elif isinstance(message, NoRoom):
            worker.ended = f"gave up ({message.text})"
        elif isinstance(message, Finished):
            worker.finished = True
        elif isinstance(message, _Gone) and not worker.finished:
            worker.finished, worker.in_flight = True, 0
            return True
        return False

    def _take_in(self, batch: Batch, number: int) -> None:
        worker = self._workers[number]
        worker.in_flight = batch.in_flight
        worker.unsent += batch.health.unsent if batch.health is not None else 0
        worker.ledger.planned(array("q", batch.planned))
        worker.ledger.later(batch.later)
        records = fold(batch, self._recorders[number])
        worker.ledger.over((record.call.index, record.call.turn) for record in records if record.final)
        if self._hook is not None:
            for record in records:
                self._hook(record)

    def _write_off(self, number: int) -> Lost:
        """Account for what a worker that is gone has left undone."""
        worker, recorder = self._workers[number], self._recorders[number]
        how, now = worker.ending(), monotonic_ns()
        seconds = (now - self.start) / NS - (time.monotonic() - worker.heard)
        unfinished = 0
        for record in lost_calls(self._plan, worker.ledger, self.start, now, number, how):
            recorder.add(record)
            unfinished += 1
            if self._hook is not None:
                self._hook(record)
        unsent, due = never_sent(self._plan, worker.ledger, number, len(self._workers))
        recorder.health(WorkerHealth(number, unsent=unsent - worker.unsent))
        return Lost(number, how, Loss(max(0.0, seconds), unfinished, unsent, due), worker.traceback)

    def _silences(self, now: float) -> Iterator[Silent]:
        """Who has fallen silent, who is back. At the end of the run, the silent are ended too."""
        if now - self._looked > _ABSENT_SECONDS:
            self._awake = now
        self._looked = now
        over = self._draining or monotonic_ns() >= self.start + round(self._plan.load.duration * NS)
        for number, worker in enumerate(self._workers):
            if worker.finished:
                continue
            seconds = now - max(worker.heard, self._awake)
            if worker.silent != (seconds >= _SILENT_SECONDS):
                worker.silent = not worker.silent
                yield Silent(number, seconds if worker.silent else 0.0)
            if over and seconds >= _GIVEN_UP_SECONDS:
                self._kill(f"was not heard of for {seconds:.0f} s and was ended with the run", [worker])

    def drain(self) -> None:
        """Start nothing more, let calls in flight end."""
        self._draining = True
        self._tell(Drain())

    def stop(self) -> None:
        """End now; a worker that can't is killed, and lost."""
        self._draining = True
        self._patience = min(self._patience, time.monotonic() + _END_SECONDS)
        self._tell(Stop())

    @staticmethod
    def _kill(why: str, workers: Iterable[Member]) -> None:
        for worker in workers:
            if not worker.finished:
                worker.ended = why
                worker.process.kill()

    def _tell(self, message: Any) -> None:
        for worker in self._workers:
            if not worker.finished:
                try:
                    send(worker.pipe, message)
                except OSError:
                    continue  # it is gone; _listen says so
