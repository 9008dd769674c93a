"""What transports have of each target: how it is dialled, and the parts of a request's head that never change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from aiohttp.connector import Connection
from yarl import URL

from llmload.errors import UnreachableError
from llmload.records import WireRequest
from llmload.scenario.plan import Target
from llmload.tracing import HEADER
from llmload.transport.base import CallFailed
from llmload.transport.connector import Dialler
from llmload.transport.failures import dial_failure
from llmload.transport.handler import StampingHandler
from llmload.transport.keyring import KeyRing, proxy_login

__all__ = ["Lane", "Lanes", "unreachable", "with_trace"]

_DIAL_SECONDS = 10.0
_END: Final = b"\r\n"
_TRACE: Final = f"{HEADER}: ".encode()


def unreachable(target: Target, failure: CallFailed) -> UnreachableError:
    """The error a run ends with when its target can't be reached before it starts."""
    return UnreachableError(f"target {target.name} ({target.base_url}) can't be reached: {failure.detail}")


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1", "replace")


def with_trace(wire: bytes, trace: str) -> bytes:
    """A request as ``Lane.wire`` makes it, with a traceparent after its request line and Host. Beside the kept bytes,
    which no call then has to itself; outside what a signature covers, as proxies may change it on the way."""
    at = wire.index(_END, wire.index(_END) + 2) + 2
    return b"".join((wire[:at], _TRACE, trace.encode(), _END, memoryview(wire)[at:]))


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

    async def dial(self) -> tuple[Connection, StampingHandler]:
        """A new connection, in bounded time. Raises what aiohttp raises."""
        async with asyncio.timeout(_DIAL_SECONDS):
            connection, handler, _ = await self.dialler.dial()
        return connection, handler

    async def reach(self) -> tuple[Connection, StampingHandler]:
        """The first connection, with the credentials at hand. UnreachableError: there is none to be had."""
        self.keys.start()
        try:
            return await self.dial()
        except Exception as error:
            raise unreachable(self.target, dial_failure(error)) from error

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


class Lanes:
    """The part of a Transport that is about its targets."""

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

    async def close(self) -> None:
        """See Transport."""
        for lane in self._lanes.values():
            await lane.keys.close()
            await lane.dialler.close()
