"""HTTP/1.1 exchanges on stamped connections: prebuilt heads, no task where a connection is at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from aiohttp.connector import Connection
from yarl import URL

from llmload.clock import monotonic_ns
from llmload.errors import UnreachableError
from llmload.records import WireRequest
from llmload.scenario.plan import Target
from llmload.transport.base import CallFailed, Dial, Exchange, Sink
from llmload.transport.connector import Dialler
from llmload.transport.failures import dial_failure, exchange_failure, let_go
from llmload.transport.handler import StampingHandler
from llmload.transport.keyring import KeyRing, proxy_login

__all__ = ["HttpTransport", "Lane", "unreachable"]

_DIAL_AT_ONCE = 32
_DIAL_SECONDS = 10.0


def unreachable(target: Target, failure: CallFailed) -> UnreachableError:
    """The error a run ends with when its target can't be reached before it starts."""
    return UnreachableError(f"target {target.name} ({target.base_url}) can't be reached: {failure.detail}")


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1", "replace")


class Lane:
    """One target: its dialler, and the parts of a request's head that never change, by key."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.dialler = Dialler(target)
        self.keys = KeyRing(target, changed=self._build)
        url = URL(target.base_url)
        # A plain-HTTP proxy wants the whole URL in the request line; everyone else wants the path.
        whole = target.proxy and url.scheme == "http"
        login = proxy_login(target) if whole else ""
        self._proxy = (("Proxy-Authorization", f"Basic {login}"),) if login else ()
        self._path = url.raw_path.rstrip("/")
        self._base = str(url.with_query(None)).rstrip("/") if whole else self._path
        self._begun = f" HTTP/1.1\r\nHost: {url.raw_authority.rsplit('@', 1)[-1]}\r\n".encode()
        self._last: tuple[WireRequest | None, bytes] = (None, b"")
        self._fixed: dict[str, bytes] = {}
        self._names: dict[str, frozenset[str]] = {}
        for name in self.keys.names:
            self._build(name)

    def _build(self, name: str) -> None:
        """Make the fixed part of the head anew, as a key has changed."""
        headers = self._headers(name)
        self._fixed[name] = self._begun + _lines(headers)
        self._names[name] = frozenset(each.lower() for each, _ in headers)
        self._last = (None, b"")

    def _headers(self, name: str) -> tuple[tuple[str, str], ...]:
        return (*self.keys.headers(name), *self._proxy)

    def wire(self, request: WireRequest) -> bytes:
        """The request, head and body; kept for the next call, which often makes the same."""
        if request is not self._last[0]:
            if self.keys.signs(request.key):  # with the time in it: good for this one
                return self._head(request, self._signature(request)) + request.body
            self._last = (request, self._head(request) + request.body)
        return self._last[1]

    def _signature(self, request: WireRequest) -> bytes:
        return _lines(self.keys.signature(request, f"{self._path}/{request.path}"))

    def _head(self, request: WireRequest, signature: bytes = b"") -> bytes:
        line = f"{request.method} {self._base}/{request.path}".encode()
        length = b"Content-Length: %d\r\n" % len(request.body) if request.body or request.method == "POST" else b""
        fixed = self._fixed[request.key]
        own = {name.lower() for name, _ in request.headers}
        if own & self._names[request.key]:  # what the request says of itself takes the place of what is always said
            fixed = self._begun + _lines(pair for pair in self._headers(request.key) if pair[0].lower() not in own)
        return line + fixed + _lines(request.headers) + signature + length + b"\r\n"


class HttpTransport:
    """The measuring path "direct": bytes reach the Sink inside ``data_received``."""

    path = "direct"

    def __init__(self, targets: Iterable[Target]) -> None:
        self._lanes = {target.name: Lane(target) for target in targets}

    @property
    def opened(self) -> int:
        """Connections dialled so far."""
        return sum(lane.dialler.opened for lane in self._lanes.values())

    @property
    def renewals_failed(self) -> int:
        """See Transport."""
        return sum(lane.keys.failed for lane in self._lanes.values())

    def redact(self, text: str) -> str:
        """See Transport."""
        for lane in self._lanes.values():
            text = lane.keys.secrets.redact(text)
        return text

    async def open(self, connections: Mapping[str, int]) -> None:
        """See Transport. The first connection of a target decides whether it is reachable.

        Where a later one fails, no more are opened ahead: calls will dial, and what they meet is theirs to report.
        """
        for name, lane in self._lanes.items():
            lane.keys.start()
            try:
                first = await _dial(lane)
            except Exception as error:
                raise unreachable(lane.target, dial_failure(error)) from error
            lane.dialler.put_back(*first)
            await self._open_more(lane, connections.get(name, 0))

    async def _open_more(self, lane: Lane, wanted: int) -> None:
        opened = 1
        while opened < wanted:
            # A few at a time, as a server's backlog of connections not yet accepted is finite.
            batch = min(_DIAL_AT_ONCE, wanted - opened)
            found = await asyncio.gather(*(_dial(lane) for _ in range(batch)), return_exceptions=True)
            for each in found:
                if not isinstance(each, BaseException):
                    lane.dialler.put_back(*each)
            if any(isinstance(failure, BaseException) for failure in found):
                return
            opened += batch

    def begin(self, target: str, request: WireRequest, sink: Sink) -> Exchange | None:
        """See Transport."""
        lane = self._lanes[target]
        found = lane.dialler.idle()
        if found is None:
            return None
        exchange = _Exchange(lane.dialler, *found, sink.over)
        exchange.send(lane.wire(request), sink, None)
        return exchange

    async def exchange(self, target: str, request: WireRequest, sink: Sink) -> None:
        """See Transport."""
        lane = self._lanes[target]
        try:
            connection, handler, dial = await lane.dialler.acquire()
        except Exception as error:
            raise dial_failure(error) from error
        done: asyncio.Future[CallFailed | None] = asyncio.get_running_loop().create_future()

        def tell(failed: CallFailed | None) -> None:
            sink.over(failed)
            if not done.done():
                done.set_result(failed)

        exchange = _Exchange(lane.dialler, connection, handler, tell)
        sink.begun(exchange)
        exchange.send(lane.wire(request), sink, dial)
        try:
            failed = await done
        except asyncio.CancelledError:
            exchange.cancel()
            raise
        if failed is not None:
            raise failed

    async def close(self) -> None:
        """See Transport."""
        for lane in self._lanes.values():
            await lane.keys.close()
            await lane.dialler.close()


async def _dial(lane: Lane) -> tuple[Connection, StampingHandler]:
    async with asyncio.timeout(_DIAL_SECONDS):
        connection, handler, _ = await lane.dialler.dial()
    return connection, handler


class _Exchange:
    """A request on its connection, until the answer is over or nobody wants it any more."""

    __slots__ = ("_connection", "_dialler", "_handler", "_live", "_tell")

    def __init__(
        self,
        dialler: Dialler,
        connection: Connection,
        handler: StampingHandler,
        tell: Callable[[CallFailed | None], None],
    ) -> None:
        self._dialler = dialler
        self._connection = connection
        self._handler = handler
        self._tell = tell
        self._live = True
        """The connection is ours; once it was put back it may be another call's."""

    def send(self, data: bytes, sink: Sink, dial: Dial | None) -> None:
        """Write the request."""
        now = monotonic_ns()
        sink.opened(now, dial)
        self._handler.expect(sink, self._over)
        sink.sent(now, len(data))
        transport = self._connection.transport
        if transport is None:
            self._handler.lost()
        else:
            transport.write(data)

    def cancel(self) -> None:
        """See Exchange; nothing if it is over."""
        if self._live:
            self._close()

    def _close(self) -> None:
        self._live = False
        self._handler.abandon()
        self._connection.close()

    def _over(self, error: BaseException | None) -> None:
        handler = self._handler
        if error is None:
            self._live = False
            if handler.writing_paused:  # answered before it had all of the request: what is left would garble the next
                handler.abandon()
            self._dialler.put_back(self._connection, handler)
            self._tell(None)
            return
        headed = handler.headed
        self._close()
        let_go(error)
        self._tell(exchange_failure(error, headed))
