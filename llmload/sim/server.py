"""The HTTP edge of the simulated service.

aiohttp parses requests and keeps connections alive; answers bypass it. A stream's head and chunks are framed here and
written to the socket from the model's own timer callback, one system call per event, with no task woken in between:
the simulator must not be what is measured, and its truth log must name the time the bytes really left.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, Self

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from llmload.clock import NS, monotonic_ns, wall_time
from llmload.errors import UsageError
from llmload.sim.burden import Burden
from llmload.sim.direct import Direct
from llmload.sim.model import Cancellable
from llmload.sim.service import Service, SimRequest
from llmload.sim.sockets import is_socket, serve
from llmload.sim.spec import SimSpec
from llmload.sim.truth import Truth
from llmload.sim.vitals import vitals

__all__ = ["SimServer", "raise_file_limit"]

_MAX_BODY: Final = 64 * 2**20
_BACKLOG: Final = 4096
_KEEP_ALIVE: Final = 3600.0


def raise_file_limit() -> None:
    """Let this process open as many files as it is allowed to."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Connection:
    """A ``Reply`` on one HTTP/1.1 connection."""

    __slots__ = ("_bare", "_chunked", "_close", "_direct", "_done", "_held", "_old")

    def __init__(
        self, transport: asyncio.Transport, old: bool, close: bool, done: asyncio.Future[bool], bare: bool
    ) -> None:
        """``old``: the client speaks HTTP/1.0; ``close``: the connection is not to be kept; ``bare``: only the head was
        asked for."""
        self._direct = Direct(transport)
        self._bare = bare
        self._old = old
        self._close = close
        self._done = done
        self._chunked = False
        self._held = b""

    def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        names = {name for name, _ in headers}
        lines = [f"HTTP/1.1 {status} {_reason(status)}", f"date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if "content-length" not in names and not self._old:
            self._chunked = True
            lines.append("transfer-encoding: chunked")
        if self._close:
            lines.append("connection: close")
        self._held = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if "content-length" not in names:
            self.write(b"")

    def write(self, data: bytes) -> None:
        if self._bare:
            data = b""
        elif self._chunked and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._held:
            data, self._held = self._held + data, b""
        if data:
            self._direct.send(data)

    def end(self) -> None:
        if self._chunked and not self._bare:
            self._direct.send(b"0\r\n\r\n")
        self._over(keep=not self._close)

    def cut(self) -> None:
        self._direct.transport.close()
        self._over(keep=False)

    def reset(self) -> None:
        self._direct.reset()
        self._over(keep=False)

    def _over(self, keep: bool) -> None:
        if not self._done.done():
            self._done.set_result(keep)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class _Answered(web.StreamResponse):
    """Tells aiohttp that the answer is out already, and whether the connection lives on."""

    def __init__(self, keep: bool) -> None:
        super().__init__()
        self._keep_alive = keep

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class SimServer:
    """``async with SimServer(spec) as server: ... server.port``: the service on a TCP port of this event loop."""

    def __init__(
        self,
        spec: SimSpec,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Callable[[Truth], None] | None = None,
    ) -> None:
        self._spec = spec
        self._host = host
        self._log = log
        self._burden = Burden(spec.burden) if spec.burden is not None else None
        self._open: set[Callable[[], None]] = set()
        """Cancels for the requests being answered."""
        self.port = port
        """The port it listens on; with 0 the system chooses one."""

    async def __aenter__(self) -> Self:
        raise_file_limit()
        self._loop = asyncio.get_running_loop()
        epoch = wall_time() - monotonic_ns() / NS
        self.service = Service(
            self._spec, monotonic_ns, self._call_at, epoch=epoch, log=self._log, vitals=vitals, block=time.sleep
        )
        self._http = web.Server(
            self._handle,
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE,
            lingering_time=0,
        )
        try:
            self._server = await self._loop.create_server(self._http, self._host, self.port, backlog=_BACKLOG)
        except OSError as error:
            raise UsageError(f"can't listen on {self._host}:{self.port}: {error.strerror}") from None
        self.port = self._server.sockets[0].getsockname()[1]
        if self._burden is not None:
            self._burden.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and drop every connection; what is unfinished is logged as cancelled."""
        self._server.close()
        if self._burden is not None:
            self._burden.stop()
        for cancel in tuple(self._open):
            cancel()
        await self._http.shutdown(0.1)

    def begin(self, at: int) -> None:
        """The run begins at ``at`` (monotonic ns): what is planned to happen is counted from there."""
        self.service.begin(at)
        if self._burden is not None:
            self._burden.begin(at)

    def _call_at(self, t: int, action: Callable[[], None]) -> Cancellable:
        return self._loop.call_later(max(0, t - monotonic_ns()) / NS, action)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=_MAX_BODY)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise asyncio.CancelledError
        if request.headers.get("Upgrade", "").lower() == "websocket" and is_socket(request.rel_url.path):
            return await serve(self.service, request, transport)
        if request.headers.get("Expect", "").lower() == "100-continue":
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await request.read()
        done: asyncio.Future[bool] = self._loop.create_future()
        old = request.version < (1, 1)
        close = old or request.headers.get("Connection", "").lower() == "close"
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = _Connection(transport, old, close, done, bare=request.method == "HEAD")
        cancel = self.service.handle(SimRequest(request.method, request.rel_url.raw_path_qs, headers, body), reply)
        self._open.add(cancel)
        try:
            return _Answered(await done)
        finally:
            self._open.discard(cancel)
            cancel()
