"""The in-memory double: the same seam, answered by a function in the same process, in real or virtual time.

A service is anything with ``handle(request, reply) -> cancel`` (the simulator's Service fits); it writes to the Reply
whenever its own timers say so, and each write reaches the Sink with the clock's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from multidict import CIMultiDict

from llmload.clock import Clock
from llmload.records import WireRequest
from llmload.transport.base import Dial, Sink
from llmload.transport.failures import exchange_failure

__all__ = ["MemoryTransport", "Service"]


class Service(Protocol):
    """What answers. ``handle`` returns a function to call when the client goes away."""

    def handle(self, request: Any, reply: Any) -> Callable[[], None]: ...


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


class MemoryTransport:
    """The measuring path "memory".

    ``headers`` are added to every request, those of ``keys`` to the requests with that key, those of ``own`` to the
    requests to that target. ``bases``: what stands
    before the paths of a target, "/v1" if nothing is said.
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
    ) -> None:
        self._service = service
        self._clock = clock
        self._headers = headers or {}
        self._keys = keys or {}
        self._bases = bases or {}
        self._own = own or {}

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

    def begin(self, target: str, request: WireRequest, sink: Sink) -> None:
        """See Transport; never at once."""
        return

    async def exchange(self, target: str, request: WireRequest, sink: Sink) -> None:
        """See Transport."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sink.opened(self._clock(), Dial(0, 0, 0))
        sink.sent(self._clock(), len(request.body))
        given = {
            **self._headers,
            **self._own.get(target, {}),
            **self._keys.get(request.key, {}),
            **dict(request.headers),
        }
        headers = {name.lower(): value for name, value in given.items()}
        reply = _Reply(sink, self._clock, done)
        path = f"{self._bases.get(target, '/v1')}/{request.path}"
        cancel = self._service.handle(MemoryRequest(request.method, path, headers, request.body), reply)
        try:
            await done
        except asyncio.CancelledError:
            cancel()
            raise

    async def close(self) -> None:
        """See Transport."""
