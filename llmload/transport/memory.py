"""The in-memory double: the same seam, answered by a function in the same process, in real or virtual time.

A service is anything with ``handle(request, reply) -> cancel`` (the simulator's Service fits); it writes to the Reply
whenever its own timers say so, and each write reaches the Sink with the clock's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from multidict import CIMultiDict

from llmload.clock import NS, Clock
from llmload.dialects.base import NEVER, OVER, Dialogue
from llmload.records import WireRequest
from llmload.tracing import HEADER
from llmload.transport.base import CallFailed, Dial, Sink
from llmload.transport.failures import exchange_failure, socket_closed

__all__ = ["MemoryTransport", "Service", "Session"]


_SWITCHED: Final = 101


class Service(Protocol):
    """What answers. ``handle`` returns a function to call when the client goes away."""

    def handle(self, request: Any, reply: Any) -> Callable[[], None]: ...


class Session(Protocol):
    """The other side of a socket: what it has to say it says to the line it was made with."""

    def hear(self, data: bytes) -> None: ...

    def gone(self) -> None: ...


@dataclass(frozen=True, slots=True)
class MemoryRequest:
    """A request as the service sees it; ``headers`` has lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class _Reply:
    """What the service writes to; passes everything on to the Sink."""

    def __init__(self, sink: Sink, clock: Clock, done: asyncio.Future[None]) -> None:
        self._sink = sink
        self._clock = clock
        self._done = done
        self.headed = False

    def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        if not self._done.done():
            self.headed = True
            self._sink.head(self._clock(), status, CIMultiDict(headers))

    def write(self, data: bytes) -> None:
        if data and not self._done.done():
            try:
                self._sink.body(self._clock(), data)
            except Exception as error:  # the Sink gave up, as it may
                self._done.set_exception(exchange_failure(error, True))

    def end(self) -> None:
        if not self._done.done():
            self._sink.ended(self._clock())
            self._done.set_result(None)

    def reset(self) -> None:
        self._break(ConnectionResetError("Connection reset by peer"))

    def cut(self) -> None:
        self._break(EOFError())

    def _break(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(exchange_failure(error, self.headed))


class _Line:
    """A socket: what its session says reaches the Sink, and what the Sink's dialogue says the session."""

    def __init__(self, sink: Sink, clock: Clock, done: asyncio.Future[None]) -> None:
        self._sink = sink
        self._clock = clock
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._spoken = False
        self._session: Session | None = None
        self._dialogue: Dialogue | None = None

    def open(self, begin: Callable[[Any, Any], Session], request: MemoryRequest) -> Session:
        """Let the two sides talk."""
        now = self._clock()
        self._sink.opened(now, Dial(0, 0, 0))
        self._sink.head(now, _SWITCHED, CIMultiDict())
        self._dialogue = self._sink.dialogue()
        session = self._session = begin(request, self)
        self._speak()
        return session

    def say(self, data: bytes) -> None:
        if not self._done.done():
            try:
                self._sink.body(self._clock(), data)
            except Exception as error:  # the Sink gave up, as it may
                self._break(exchange_failure(error, True))
            self._speak()

    def close(self, code: int, reason: str) -> None:
        self._break(socket_closed(code.to_bytes(2, "big") + reason.encode()))

    def reset(self) -> None:
        self._break(exchange_failure(ConnectionResetError("Connection reset by peer"), True))

    def cut(self) -> None:
        self._break(exchange_failure(EOFError(), True))

    def _break(self, failed: CallFailed) -> None:
        if not self._done.done():
            self._done.set_exception(failed)

    def _speak(self) -> None:
        """Say what is due, and come back when the next is. The session hears of it afterwards, as it may be talking."""
        if self._timer is not None:
            self._timer.cancel()
        if self._dialogue is None or self._session is None or self._done.done():
            return
        now = self._clock()
        while OVER < (due := self._dialogue.due()) <= now:
            if (data := self._dialogue.say(now)) is not None:
                self._sent(now, data)
                self._loop.call_soon(self._session.hear, data)
        if due == OVER:
            self._sink.ended(now)
            self._done.set_result(None)
        elif due < NEVER:
            self._timer = self._loop.call_later((due - now) / NS, self._speak)

    def _sent(self, t: int, data: bytes) -> None:
        if not self._spoken:
            self._spoken = True
            self._sink.sent(t, len(data))


class MemoryTransport:
    """The measuring path "memory".

    ``headers`` are added to every request, those of ``keys`` to the requests with that key, those of ``own`` to the
    requests to that target. ``bases``: what stands before the paths of a target, "/v1" if nothing is said.
    ``sockets``: targets that are spoken to over sockets, with what begins their sessions: ``(request, line) ->
    Session``.
    """

    path = "memory"

    def __init__(
        self,
        service: Service,
        clock: Clock,
        headers: Mapping[str, str] | None = None,
        keys: Mapping[str, Mapping[str, str]] | None = None,
        bases: Mapping[str, str] | None = None,
        own: Mapping[str, Mapping[str, str]] | None = None,
        sockets: Mapping[str, Callable[[Any, Any], Session]] | None = None,
    ) -> None:
        self._service = service
        self._clock = clock
        self._headers = headers or {}
        self._keys = keys or {}
        self._bases = bases or {}
        self._own = own or {}
        self._sockets = sockets or {}

    @property
    def opened(self) -> int:
        """See Transport; not known on this path."""
        return 0

    @property
    def renewals_failed(self) -> int:
        """See Transport; there is nothing to renew."""
        return 0

    def redact(self, text: str) -> str:
        """See Transport."""
        return text

    async def open(self, connections: Mapping[str, int]) -> None:
        """See Transport; there is nothing to open."""

    def begin(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """See Transport; never at once."""
        return

    async def exchange(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """See Transport."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seen = self._as_seen(target, request, trace)
        if trace:
            sink.traced(trace)
        cancel = self._open_socket(target, seen, sink, done) or self._ask(seen, sink, done)
        try:
            await done
        except asyncio.CancelledError:
            cancel()
            raise

    def _ask(self, seen: MemoryRequest, sink: Sink, done: asyncio.Future[None]) -> Callable[[], None]:
        sink.opened(self._clock(), Dial(0, 0, 0))
        sink.sent(self._clock(), len(seen.body))
        return self._service.handle(seen, _Reply(sink, self._clock, done))

    def _open_socket(
        self, target: str, seen: MemoryRequest, sink: Sink, done: asyncio.Future[None]
    ) -> Callable[[], None] | None:
        """None where the target is none of sockets."""
        if target not in self._sockets:
            return None
        session = _Line(sink, self._clock, done).open(self._sockets[target], seen)
        done.add_done_callback(lambda over: None if over.cancelled() else session.gone())
        return session.gone

    def _as_seen(self, target: str, request: WireRequest, trace: str) -> MemoryRequest:
        given = {
            **self._headers,
            **self._own.get(target, {}),
            **self._keys.get(request.key, {}),
            **dict(request.headers),
            **({HEADER: trace} if trace else {}),
        }
        headers = {name.lower(): value for name, value in given.items()}
        path = f"{self._bases.get(target, '/v1')}/{request.path}"
        return MemoryRequest(request.method, path, headers, request.body)

    async def close(self) -> None:
        """See Transport."""
