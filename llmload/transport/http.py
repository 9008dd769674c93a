"""HTTP/1.1 exchanges on stamped connections: prebuilt heads, no task where a connection is at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp.connector import Connection

from llmload.clock import monotonic_ns
from llmload.records import WireRequest
from llmload.transport.base import CallFailed, Dial, Exchange, Sink
from llmload.transport.connector import Dialler
from llmload.transport.failures import dial_failure, exchange_failure, let_go
from llmload.transport.handler import StampingHandler
from llmload.transport.lane import Lane, Lanes, with_trace

__all__ = ["HttpTransport"]

_DIAL_AT_ONCE = 32


class HttpTransport(Lanes):
    """The measuring path "direct": bytes reach the Sink inside ``data_received``."""

    path = "direct"

    async def open(self, connections: Mapping[str, int]) -> None:
        """See Transport. The first connection of a target decides whether it is reachable.

        Where a later one fails, no more are opened ahead: calls will dial, and what they meet is theirs to report.
        """
        for name, lane in self._lanes.items():
            lane.dialler.put_back(*await lane.reach())
            await self._open_more(lane, connections.get(name, 0))

    async def _open_more(self, lane: Lane, wanted: int) -> None:
        opened = 1
        while opened < wanted:
            # A few at a time, as a server's backlog of connections not yet accepted is finite.
            batch = min(_DIAL_AT_ONCE, wanted - opened)
            found = await asyncio.gather(*(lane.dial() for _ in range(batch)), return_exceptions=True)
            for each in found:
                if not isinstance(each, BaseException):
                    lane.dialler.put_back(*each)
            if any(isinstance(failure, BaseException) for failure in found):
                return
            opened += batch

    def begin(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> Exchange | None:
        """See Transport."""
        lane = self._lanes[target]
        found = lane.dialler.idle()
        if found is None:
            return None
        exchange = _Exchange(lane.dialler, *found, sink.over)
        exchange.send(lane.wire(request), sink, None, trace)
        return exchange

    async def exchange(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
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
        exchange.send(lane.wire(request), sink, dial, trace)
        try:
            failed = await done
        except asyncio.CancelledError:
            exchange.cancel()
            raise
        if failed is not None:
            raise failed


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

    def send(self, data: bytes, sink: Sink, dial: Dial | None, trace: str) -> None:
        """Write the request."""
        if trace:
            data = with_trace(data, trace)
            sink.traced(trace)
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
