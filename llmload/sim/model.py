"""The simulated accelerator: continuous batching, and a station for embeddings. Pure; time and timers are given.

Theory of operation. Time is cut into steps. A step takes ``step + step_per_sequence * batch`` for decoding, and
``prefill`` for every prompt token it works on (at most ``prefill_chunk`` of them); at its end every sequence whose
prompt is done gets one token. Sequences enter between steps, in the order they came, while there is a free slot and
room in the cache for the prompt and the whole answer. So light load costs one step per token, heavy load makes
every step longer, and beyond ``SimSpec.capacity`` the queue grows: a knee as real servers have it.

There is one timer for the whole batch, whatever its size. Each step is due at the due time of the last one plus its
length, not at the time the timer was served, so a late event loop delays tokens but never the schedule.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from llmload.clock import NS, Clock
from llmload.sim.spec import SimSpec

__all__ = ["Batch", "CallAt", "Cancellable", "Embedder", "Sequence"]


class Cancellable(Protocol):
    """A timer that has not fired."""

    def cancel(self) -> None: ...


CallAt = Callable[[int, Callable[[], None]], Cancellable]
"""Call back at a time on the clock (ns)."""


class Sequence:
    """One answer in the making: ``length`` tokens after a prompt of ``prompt`` tokens, ``cached`` of which are known.

    ``emit`` is called at each token, after ``made`` has been counted up.
    """

    __slots__ = ("admitted", "choice", "emit", "keeps", "length", "live", "made", "prompt", "rank", "ready", "unread")

    def __init__(
        self, prompt: int, length: int, emit: Callable[[Sequence], None], choice: int = 0, cached: int = 0
    ) -> None:
        self.prompt = prompt
        self.length = length
        self.emit = emit
        self.choice = choice
        self.made = 0
        self.unread = prompt - cached
        """Prompt tokens still to be worked on."""
        self.ready = 0
        self.rank = 0
        """Of those that wait, the lowest is admitted first."""
        self.admitted: int | None = None
        self.keeps = False
        """It does not give its slot back."""
        self.live = True

    @property
    def room(self) -> int:
        """Tokens it takes up in the cache."""
        return self.prompt + self.length


class Batch:
    """The running batch and its queue."""

    def __init__(self, spec: SimSpec, now: Clock, call_at: CallAt) -> None:
        self._spec: Final = spec
        self._now: Final = now
        self._call_at: Final = call_at
        self._jitter: Final = random.Random(f"{spec.seed}/steps")  # noqa: S311
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._room = spec.kv_tokens
        self._last_ready = 0
        self._due = 0
        self._timer: Cancellable | None = None
        self._lost = 0
        """Slots that were not given back."""
        self._lent = 0.0
        """Seconds that the next step loses to other work."""
        self.replicas = 1
        """Accelerators that share the batch evenly."""
        self._caches = 1
        """Those of them whose memory is added to the cache."""
        self.tokens_read = 0
        """Prompt tokens worked on so far."""
        self.tokens_made = 0
        """Answer tokens made so far."""

    @property
    def running(self) -> int:
        """Sequences in the batch."""
        return sum(seq.live for seq in self._running)

    @property
    def waiting(self) -> int:
        """Sequences not yet in the batch."""
        return len(self._waiting)

    @property
    def cache_used(self) -> float:
        """Share of the cache that is taken."""
        return 1 - self._room / (self._spec.kv_tokens * self._caches)

    @property
    def slots(self) -> int:
        """Sequences that can be in the batch."""
        return max(1, self._spec.slots * self.replicas - self._lost)

    @property
    def busy(self) -> float:
        """What is in the batch or waits for it, over its slots."""
        return (self.running + self.waiting) / self.slots

    def scale(self, replicas: int, caches: int) -> None:
        """From now on there are so many replicas, so many of which bring memory with them; what runs on one that goes
        is finished first."""
        self._room += (caches - self._caches) * self._spec.kv_tokens
        self.replicas, self._caches = replicas, caches

    def lend(self, seconds: float) -> None:
        """Other work takes so much of the model's time, if it has anything to do."""
        if self._running:
            self._lent += seconds

    def full(self) -> bool:
        """Whether the queue is as long as it may get."""
        free = self.slots - len(self._running)
        return len(self._waiting) >= self._spec.queue_limit + max(0, free)

    def submit(self, seq: Sequence) -> None:
        """Queue a sequence; its prompt and answer must fit into the cache."""
        seq.ready = max(self._last_ready, self._now() + round(self._spec.first_token * NS))
        self._last_ready = seq.ready
        self._waiting.append(seq)
        if self._timer is None:
            self._wake_at(seq.ready)

    def cancel(self, seq: Sequence) -> None:
        """Take a sequence out at once, wherever it is."""
        if not seq.live:
            return
        seq.live = False
        if seq.admitted is not None:
            self._release(seq)
        else:
            self._waiting.remove(seq)

    def _release(self, seq: Sequence) -> None:
        self._room += seq.room
        self._lost += seq.keeps

    def _wake_at(self, t: int) -> None:
        self._due = t
        self._timer = self._call_at(t, self._step)

    def _step(self) -> None:
        """Begin the next step at the time the last one was due; it ends in ``_emit``."""
        start = self._due
        self._admit(start)
        if self._running:
            vary = 1 + self._spec.jitter * (2 * self._jitter.random() - 1)
            sequences, tokens = len(self._running) / self.replicas, self._read_prompts() / self.replicas
            length = self._spec.step_time(sequences, tokens) * vary + self._lent
            self._lent = 0.0
            self._due = start + round(length * NS)
            self._timer = self._call_at(self._due, self._emit)
        elif self._waiting:
            self._wake_at(max(start, self._waiting[0].ready))
        else:
            self._timer = None

    def _admit(self, t: int) -> None:
        waiting, running = self._waiting, self._running
        while waiting and len(running) < self.slots:
            seq = self._next(t)
            if seq is None or seq.room > self._room:
                return
            waiting.remove(seq)
            self._room -= seq.room
            seq.admitted = t
            running.append(seq)

    def _next(self, t: int) -> Sequence | None:
        """Who is first: the first that came, or of those that are there the first of the lowest rank."""
        if not self._spec.priorities:
            return self._waiting[0] if self._waiting[0].ready <= t else None
        return min((seq for seq in self._waiting if seq.ready <= t), key=lambda seq: seq.rank, default=None)

    def _read_prompts(self) -> int:
        """Work on prompts, oldest first; the number of prompt tokens this step does."""
        budget = most = self._spec.prefill_chunk * self.replicas
        for seq in self._running:
            if seq.unread:
                part = min(seq.unread, budget)
                seq.unread -= part
                budget -= part
                if not budget:
                    break
        done = most - budget
        self.tokens_read += done
        return done

    def _emit(self) -> None:
        """The end of a step: a token for everyone whose prompt is done. ``emit`` may cancel any sequence."""
        for seq in self._running:
            if seq.live and not seq.unread:
                seq.made += 1
                self.tokens_made += 1
                if seq.made == seq.length:
                    seq.live = False
                    self._release(seq)
                seq.emit(seq)
        self._running = [seq for seq in self._running if seq.live]
        self._step()


class _Embedding:
    """One request at the embeddings station."""

    __slots__ = ("_done", "_station", "timer")

    def __init__(self, station: Embedder, done: Callable[[], None]) -> None:
        self._station: Embedder | None = station
        self._done = done
        self.timer: Cancellable | None = None

    def finish(self) -> None:
        self._leave()
        self._done()

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self._leave()

    def _leave(self) -> None:
        if self._station is not None:
            self._station.pending -= 1
            self._station = None


class Embedder:
    """Embeddings: one request at a time, in order (an M/D/1 queue under Poisson load), then a fixed latency."""

    def __init__(self, spec: SimSpec, now: Clock, call_at: CallAt) -> None:
        self._spec: Final = spec
        self._now: Final = now
        self._call_at: Final = call_at
        self._free_at = 0
        self.pending = 0
        """Requests not yet answered."""

    def full(self) -> bool:
        """Whether the queue is as long as it may get."""
        return self.pending > self._spec.queue_limit

    def submit(self, tokens: int, done: Callable[[], None]) -> Callable[[], None]:
        """Call ``done`` when the embeddings are made; the answer cancels that (the work is done all the same)."""
        work = round(self._spec.embed_time(tokens) * NS)
        self._free_at = max(self._free_at, self._now()) + work
        self.pending += 1
        embedding = _Embedding(self, done)
        embedding.timer = self._call_at(self._free_at + round(self._spec.embed_latency * NS), embedding.finish)
        return embedding.cancel
