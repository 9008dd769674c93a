"""aiohttp's connector, told to make our handlers and to say how long each step of dialling took."""

from __future__ import annotations

import asyncio
import functools
import ssl
from contextvars import ContextVar
from typing import Any

from aiohttp import ClientTimeout, TCPConnector, UnixConnector
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from yarl import URL

from llmload.clock import NS, monotonic_ns
from llmload.errors import UsageError
from llmload.scenario.plan import Target
from llmload.transport.base import Dial
from llmload.transport.handler import StampingHandler

__all__ = ["Dialler", "tls_context"]

_dns: ContextVar[list[int] | None] = ContextVar("llmload_dns", default=None)
_NO_TIMEOUT = ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_KEEP_ALIVE_NS = 75 * NS


class _Connector(TCPConnector):
    """No limit on connections: waiting in the client's pool must never count as the target's time."""

    def __init__(self, tls: ssl.SSLContext | bool) -> None:
        super().__init__(
            limit=0,
            ttl_dns_cache=300,
            use_dns_cache=True,
            ssl=tls,
            happy_eyeballs_delay=0.25,
        )
        self._factory: functools.partial[Any] = functools.partial(StampingHandler, loop=asyncio.get_running_loop())

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> Any:
        started = monotonic_ns()
        try:
            return await super()._resolve_host(host, port, traces)
        finally:
            if (spent := _dns.get()) is not None:
                spent[0] += monotonic_ns() - started


class _UnixConnector(UnixConnector):
    """The same for a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__(path, limit=0)
        self._factory: functools.partial[Any] = functools.partial(StampingHandler, loop=asyncio.get_running_loop())


def tls_context(target: Target) -> ssl.SSLContext | bool:
    """What aiohttp is to check certificates with: the system's authorities and those of ``ca_file``, or nothing.

    Raises UsageError for a file that holds none.
    """
    if not target.verify_tls:
        return False
    context = ssl.create_default_context()
    if target.ca_file:
        try:
            context.load_verify_locations(target.ca_file)
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror if type(error) is not ssl.SSLError else "it holds no certificate"
            raise UsageError(f"target {target.name}: ca_file {target.ca_file!r} can't be used: {why}") from error
    return context


class Dialler:
    """Connections to one target. ``acquire`` takes an open one or dials."""

    def __init__(self, target: Target) -> None:
        self._url = URL(target.base_url)
        self._loop = asyncio.get_running_loop()
        self._connector = (
            _UnixConnector(target.unix_socket)
            if target.unix_socket
            else _Connector(tls_context(target) if self._url.scheme == "https" else True)
        )
        # The connector reads address, TLS settings and proxy off a request; this one is never sent.
        self._template = ClientRequest(
            "GET",
            self._url,
            loop=self._loop,
            proxy=URL(target.proxy) if target.proxy else None,
            ssl=target.verify_tls,
        )
        self._idle: list[tuple[Connection, StampingHandler]] = []
        self.opened = 0
        """Connections dialled so far."""

    async def acquire(self) -> tuple[Connection, StampingHandler, Dial | None]:
        """An open connection; ``Dial`` is None when it was open before. Raises what aiohttp raises."""
        found = self.idle()
        return (*found, None) if found is not None else await self.dial()

    async def dial(self) -> tuple[Connection, StampingHandler, Dial]:
        """A new connection. Raises what aiohttp raises."""
        started = monotonic_ns()
        spent = [0]
        token = _dns.set(spent)
        try:
            connection = await self._connector.connect(self._template, [], _NO_TIMEOUT)
        finally:
            _dns.reset(token)
        handler = connection.protocol
        assert isinstance(handler, StampingHandler)
        self.opened += 1
        tls = handler.made - handler.created if self._url.scheme == "https" else 0
        return connection, handler, Dial(spent[0], max(0, handler.created - started - spent[0]), tls)

    def idle(self) -> tuple[Connection, StampingHandler] | None:
        """The open connection that was used last, if one is idle: it is the least likely to have been closed by now."""
        while self._idle:
            connection, handler = found = self._idle.pop()
            fresh = monotonic_ns() - handler.used < _KEEP_ALIVE_NS
            if fresh and handler.is_connected() and not handler.should_close:
                return found
            # Not here: hundreds may have gone stale together, and a call is about to leave.
            self._loop.call_soon(connection.close)
        return None

    def put_back(self, connection: Connection, handler: StampingHandler) -> None:
        """The exchange is over. What can't carry another is closed; that shows when it is asked for, as late as can be.

        Connections stay with us, not with aiohttp's pool, which takes several times as long to give one out.
        """
        self._idle.append((connection, handler))

    async def close(self) -> None:
        """Close all connections, idle or not."""
        for connection, _ in self._idle:
            connection.close()
        self._idle.clear()
        await self._connector.close()
