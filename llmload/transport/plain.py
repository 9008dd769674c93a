"""The fallback: aiohttp's public client, one task wake-up per read.

Used only where the installed aiohttp no longer keeps the promises ``handler`` relies on, and said so in the result:
its stamps are taken when the task gets to run, not when the bytes were read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from io import BytesIO

from aiohttp import (
    BaseConnector,
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientHttpProxyError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ServerTimeoutError,
    TCPConnector,
    UnixConnector,
)
from yarl import URL

from llmload.clock import monotonic_ns
from llmload.errors import DecodeError
from llmload.records import WireRequest
from llmload.scenario.plan import Target
from llmload.tracing import HEADER
from llmload.transport.base import Sink
from llmload.transport.connector import tls_context
from llmload.transport.failures import dial_failure, exchange_failure
from llmload.transport.inflate import inflating
from llmload.transport.keyring import KeyRing
from llmload.transport.lane import unreachable

__all__ = ["PlainTransport"]

_BUFFER = 1 << 22
_PROBE_SECONDS = 10.0
_DIALLING = (ClientConnectorError, ClientConnectorCertificateError, ClientHttpProxyError, ServerTimeoutError)
"""What goes wrong before a request is sent."""


class PlainTransport:
    """The measuring path "iter_any"."""

    path = "iter_any"

    def __init__(self, targets: Iterable[Target]) -> None:
        self._targets = {target.name: target for target in targets}
        self._keys = {name: KeyRing(target) for name, target in self._targets.items()}
        self._tls = {name: tls_context(target) for name, target in self._targets.items()}
        shared = _session(TCPConnector(limit=0, ttl_dns_cache=300))
        self._sessions = {
            name: _session(UnixConnector(target.unix_socket, limit=0)) if target.unix_socket else shared
            for name, target in self._targets.items()
        }
        self._shared = shared

    @property
    def opened(self) -> int:
        """See Transport; not known on this path."""
        return 0

    @property
    def renewals_failed(self) -> int:
        """See Transport."""
        return sum(keys.failed for keys in self._keys.values())

    def redact(self, text: str) -> str:
        """See Transport."""
        for keys in self._keys.values():
            text = keys.secrets.redact(text)
        return text

    async def open(self, connections: Mapping[str, int]) -> None:
        """See Transport; opens nothing ahead, only looks whether each target can be reached."""
        for target in self._targets.values():
            self._keys[target.name].start()
            url = URL(target.proxy or target.base_url)
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    _, writer = await (
                        asyncio.open_unix_connection(target.unix_socket)
                        if target.unix_socket
                        else asyncio.open_connection(url.host, url.port)
                    )
                writer.close()
                await writer.wait_closed()
            except (OSError, TimeoutError) as error:
                raise unreachable(target, dial_failure(error)) from error

    def begin(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """See Transport; never at once."""
        return

    async def exchange(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """See Transport."""
        plan = self._targets[target]
        url = URL(f"{plan.base_url.rstrip('/')}/{request.path}", encoded=True)
        keys = self._keys[target]
        signature = keys.signature(request, url.raw_path_qs) if keys.signs(request.key) else ()
        traced = {HEADER: trace} if trace else {}
        headed = False
        sink.opened(monotonic_ns(), None)
        if trace:
            sink.traced(trace)
        sink.sent(monotonic_ns(), len(request.body))
        try:
            async with self._sessions[target].request(
                request.method,
                url,
                data=BytesIO(request.body) if request.body else None,
                headers={**dict(keys.headers(request.key)), **dict(request.headers), **dict(signature), **traced},
                proxy=plan.proxy or None,
                ssl=self._tls[target],
                allow_redirects=False,
            ) as response:
                headed = True
                sink.head(monotonic_ns(), response.status, response.headers)
                sink = inflating(sink, response.status, response.headers)
                async for data in response.content.iter_any():
                    sink.body(monotonic_ns(), data)
            sink.ended(monotonic_ns())
        except asyncio.CancelledError:
            raise
        except Exception as error:
            dialling = isinstance(error, _DIALLING)
            if dialling and trace:
                sink.traced("")  # it never left
            if (
                isinstance(error, ClientResponseError) and not dialling
            ):  # what its parser says of an answer that is none
                error = DecodeError(error.message)
            raise (dial_failure(error) if dialling else exchange_failure(error, headed)) from error

    async def close(self) -> None:
        """See Transport."""
        for keys in self._keys.values():
            await keys.close()
        for session in (self._shared, *self._sessions.values()):
            await session.close()


def _session(connector: BaseConnector) -> ClientSession:
    return ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        read_bufsize=_BUFFER,
        auto_decompress=False,
        trust_env=False,
    )
