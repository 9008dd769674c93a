"""One request being answered: a whole body, or a stream written token by token. Pure.

An ``Answer`` carries out the script of the faults planted in it (it is their ``Stage``), notes every write in the
truth log, and stays quiet once it is over. ``Body`` and ``Stream`` differ in how a fault looks on the wire.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol

from llmload.clock import NS, Clock
from llmload.sim.formats import Format
from llmload.sim.model import CallAt, Cancellable, Sequence
from llmload.sim.requests import Refused
from llmload.sim.script import Cue, Script
from llmload.sim.truth import Truth

__all__ = ["JSON", "Answer", "Body", "Host", "Reply"]

JSON: Final = "application/json"


class Reply(Protocol):
    """Where an answer goes: a connection, or a double of one. ``end``, ``cut`` or ``reset`` is its last call."""

    def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """The head. With a ``content-length`` it may be held back until the first ``write``."""

    def write(self, data: bytes) -> None:
        """A piece of the body, on its way at once; empty: only send the head if it was held back."""

    def end(self) -> None:
        """The body is complete."""

    def cut(self) -> None:
        """Close the connection inside the body (FIN)."""

    def reset(self) -> None:
        """Reset the connection (RST)."""


class Host(Protocol):
    """What an answer needs of the service."""

    @property
    def now(self) -> Clock: ...

    @property
    def call_at(self) -> CallAt: ...

    def left(self, answer: Answer) -> None:
        """An answer is over."""


class Answer(ABC):
    """What every answer does; a ``Stage`` for faults."""

    def __init__(self, host: Host, reply: Reply, truth: Truth, headers: list[tuple[str, str]], format_: Format) -> None:
        self.host: Final = host
        self.format: Final = format_
        self.reply: Final = reply
        self.truth: Final = truth
        self.script = Script()
        self.sequences: list[Sequence] = []
        self.finish = "stop"
        """Why the model ended the answer."""
        self.first_token = 0
        """When the model made the first token."""
        self.leave: Callable[[], None] | None = None
        """Takes it out of a part of the model that knows no sequences."""
        self.over = False
        self._headers = headers
        self._timers: set[Cancellable] = set()

    def begin(self, script: Script, submit: Callable[[], None]) -> None:
        """Start answering: ``submit`` gives the work to the model, unless a fault takes the place of the answer."""
        self.script = script
        if script.slowed:
            self.truth.faults.append(script.slowed)
        if cue := script.instead:
            if script.wait:
                self._later(self.host.now() + round(script.wait * NS), lambda: self._perform(cue))
            else:
                self._perform(cue)
        else:
            submit()

    def cancel(self) -> None:
        """The client has gone."""
        self._finish("cancelled")

    def whole(self, status: int, content_type: str, body: bytes, extra: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer with a body of known length, now."""
        self._head(status, content_type, (*extra, ("content-length", str(len(body)))))
        self._note("body")
        self.reply.write(body)
        self.reply.end()
        self._finish("finished" if status < 400 else "refused")

    def refused(self, why: Refused) -> None:
        """Answer with an error, now."""
        headers, body = self.format.error(why)
        self.whole(why.status, JSON, body, (*why.headers, *headers))

    # What faults do to it.

    def refuse(self, status: int, message: str, code: str) -> None:
        self.refused(Refused(status, message, code=code, kind="server_error"))

    def hang(self) -> None:
        self._note("hang")

    def reset(self) -> None:
        self.reply.reset()
        self._finish("reset")

    @abstractmethod
    def open(self) -> None: ...

    @abstractmethod
    def cut(self, done: bool, clean: bool) -> None: ...

    @abstractmethod
    def silence(self, seconds: float | None, ping: float) -> None: ...

    @abstractmethod
    def fail(self, code: str, message: str, named: bool) -> None: ...

    @abstractmethod
    def garble(self) -> None: ...

    @abstractmethod
    def swap(self, tokens: int) -> None: ...

    @abstractmethod
    def blank(self) -> None: ...

    # Its tools.

    def _head(self, status: int, content_type: str, extra: tuple[tuple[str, str], ...] = ()) -> None:
        self.truth.status = status
        took = max(0, self.host.now() - self.truth.received - round(self.script.unseen * NS)) // 1_000_000
        times = [("openai-processing-ms", str(took)), *self._queued()]
        given = [("content-type", content_type), *self._headers, *times, *extra]
        self._note("head")
        self.reply.start(status, given)

    def _queued(self) -> list[tuple[str, str]]:
        """How long it waited for its place in the batch, if that is over."""
        waits = [seq.admitted - seq.ready for seq in self.sequences if seq.admitted is not None]
        return [("x-queue-time", f"{max(waits) / 1e6:.3f}")] if waits else []

    def _note(self, what: str) -> None:
        self.truth.other.append((what, self.host.now()))

    def _perform(self, cue: Cue) -> None:
        self.truth.faults.append(cue.kind)
        cue.action(self)

    def _due(self, t: int, tokens: int) -> int:
        """When what was made at ``t`` goes out, given the delays of the script; ``tokens`` came before it."""
        script, received = self.script, self.truth.received
        extra = script.first + script.token * tokens
        return received + round(script.factor * (t - received)) + round(extra * NS)

    def _later(self, due: int, action: Callable[[], None]) -> None:
        """Do it at ``due``, unless the answer is over by then."""

        def fire() -> None:
            self._timers.discard(timer)
            action()

        timer = self.host.call_at(due, fire)
        self._timers.add(timer)

    def _finish(self, how: str) -> None:
        if self.over:
            return
        self.over = True
        self.truth.ended = how
        self.truth.end = self.host.now()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.host.left(self)


class Body(Answer):
    """A JSON document, sent at once when it is ready. Faults "after k tokens" strike it halfway through its bytes.

    ``build`` makes the document; given True, one with the content of another request.
    """

    def __init__(
        self,
        host: Host,
        reply: Reply,
        truth: Truth,
        headers: list[tuple[str, str]],
        format_: Format,
        build: Callable[[bool], bytes] = lambda foreign: b"",
        tokens: int = 0,
    ) -> None:
        super().__init__(host, reply, truth, headers, format_)
        self._build = build
        self._tokens = tokens
        self._document = b""
        self._held = False

    def made(self, _seq: Sequence) -> None:
        """The model made a token of one choice."""
        if not self.first_token:
            self.first_token = self.host.now()
        if not any(seq.live for seq in self.sequences):
            self.ready()

    def ready(self) -> None:
        """The model is done: send it, now or when the script says."""
        now = self.host.now()
        due = self._due(now, max(0, self._tokens - 1))
        if due > now:
            self._later(due, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        self._document = self._build(False)
        self.truth.tokens = self._tokens
        for cue in self.script.cues:
            self._perform(cue)
            if self.over or self._held:
                return
        self.whole(200, JSON, self._document)

    def _half(self, length: int) -> bytes:
        """Send the head, for a body of ``length`` bytes, and half of the document; the other half is returned."""
        middle = len(self._document) // 2
        self._head(200, JSON, (("content-length", str(length)),))
        self._note("body")
        self.reply.write(self._document[:middle])
        return self._document[middle:]

    def open(self) -> None:
        self._head(200, JSON, (("content-length", "1024"),))
        self.reply.write(b"")

    def cut(self, done: bool, clean: bool) -> None:
        if clean:
            self.whole(200, JSON, self._document[: len(self._document) // 2])
            self.truth.ended = "cut"
            return
        self._half(len(self._document))
        self.reply.cut()
        self._finish("cut")

    def silence(self, seconds: float | None, ping: float) -> None:
        self._held = True
        rest = self._half(len(self._document))

        def resume() -> None:
            self._note("body")
            self.reply.write(rest)
            self.reply.end()
            self._finish("finished")

        if seconds is not None:
            self._later(self.host.now() + round(seconds * NS), resume)

    def fail(self, code: str, message: str, named: bool) -> None:
        _, body = self.format.error(Refused(500, message, code=code, kind="server_error"))
        self.whole(200, JSON, body)

    def garble(self) -> None:
        self._document = self._document[:-2] + b",,"

    def swap(self, tokens: int) -> None:
        self._document = self._build(True)

    def blank(self) -> None:
        self.whole(200, JSON, b"")
