"""The server of the page: aiohttp, in a thread of its own that gives way to everything else.

Theory of operation. The run tells a Moment and goes on. A browser is told each as server-sent events, from one
coroutine per browser that remembers which Moment it sent last: the next one in full step gets the news alone, one that
was too slow for that gets everything anew. So nothing queues up, whatever browsers do, and what one of them can hold of
this process is a Moment and a socket's buffer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from llmload.dashboard.web.address import Address
from llmload.dashboard.web.files import HEADERS, REPORT_POLICY, page_files
from llmload.dashboard.web.moment import BYE, HELLO, Moment
from llmload.errors import OutputError

__all__ = ["MOST_BROWSERS", "Server"]

MOST_BROWSERS: Final = 16
"""That follow a run at the same time."""
_MOST_CONNECTIONS: Final = 128
_BACKLOG: Final = 32
"""Of connections that are taken on before they are counted."""
_BUFFER: Final = 1 << 17
"""Bytes that wait in a socket for a browser to take them."""
_BEAT: Final = 5.0
"""Seconds without news after which a browser is told that somebody is still here."""
_PATIENCE: Final = 10.0
"""Seconds that a browser may take to take what it is told."""
_GRACE: Final = 3.0
"""Seconds after which a browser that has gone will not come back: longer than loading a page again takes."""
_STARTING: Final = 10.0
_ENDING: Final = 2.0
_NICE: Final = 5

_LOGGER: Final = logging.getLogger("llmload.web")
"""Says nothing unless it is listened to: what others send is not to stand in the terminal that shows the run."""
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class Server:
    """Serves from ``open`` to ``close``; the methods may be called from any thread but its own."""

    def __init__(self, address: Address) -> None:
        self.address: Final = address
        self.port = address.port
        """Once open, never 0."""
        self._reports: Final[dict[str, Callable[[], bytes]]] = {}
        self._moment: Moment | None = None
        self._number = 0
        self._following: Final[set[asyncio.Task[object]]] = set()
        self._left = -_GRACE
        self._ready: Final = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """Of the page."""
        return self.address.url(self.port)

    def open(self) -> None:
        """Raises OutputError where the address can't be had."""
        listening = _listen(self.address)
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening)), name="llmload-web", daemon=True
        )
        self._thread.start()
        self._ready.wait(_STARTING)

    def tell(self, moment: Moment) -> None:
        """Hand it over to whoever watches; never waits."""
        self._soon(self._told, moment)

    def keep(self, path: str, report: Callable[[], bytes]) -> None:
        """Serve a report there, from now on; it is made when it is asked for first."""
        self._reports[path] = cache(report)

    @property
    def following(self) -> int:
        """Browsers that follow the run now."""
        return len(self._following)

    @property
    def watched(self) -> bool:
        """Whether a browser shows the page, or did a moment ago."""
        return bool(self._following) or time.monotonic() - self._left < _GRACE

    def close(self) -> None:
        """Take leave of every browser and end, within a few seconds. May be called twice, and without ``open``."""
        self._soon(lambda: self._ending.set())
        if self._thread is not None:
            self._thread.join(3 * _ENDING)

    def _soon(self, act: Callable[..., object], *given: object) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it is closed already
                self._loop.call_soon_threadsafe(act, *given)

    # -- in the server's thread ----------------------------------------------------------------------------

    async def _serve(self, listening: socket.socket) -> None:
        _give_way()
        self._loop = asyncio.get_running_loop()
        self._news, self._ending = asyncio.Event(), asyncio.Event()
        runner = web.AppRunner(
            self._application(), logger=_LOGGER, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await runner.setup()
        answering = runner.server
        assert answering is not None

        def accept() -> asyncio.Protocol:
            return answering() if len(answering.connections) < _MOST_CONNECTIONS else _Refused()

        server = await self._loop.create_server(accept, sock=listening, backlog=_BACKLOG)
        self._ready.set()
        await self._ending.wait()
        server.close()
        self._news.set()
        if self._following:
            await asyncio.wait(self._following, timeout=_ENDING)
        await runner.cleanup()
        await asyncio.sleep(0)  # in which connections that were closed are let go

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.on_response_prepare.append(_add_headers)
        for path, (kind, content) in page_files().items():
            application.router.add_get(path, _giver(kind, content))
        application.router.add_get("/events", self._events)
        application.router.add_get("/report/{run}", self._report)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer those who asked us by our own name, from our own page."""
        names = {request.headers.get("Host", ""), request.host}
        if not all(map(self.address.admits, names)):
            raise web.HTTPMisdirectedRequest(text="llmload does not answer to that name\n")
        if request.headers.get("Origin") not in (None, f"http://{request.host}", f"https://{request.host}"):
            raise web.HTTPForbidden(text="llmload answers its own page only\n")
        return await handler(request)

    def _told(self, moment: Moment) -> None:
        self._moment = moment
        self._number += 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _report(self, request: web.Request) -> web.Response:
        make = self._reports.get(request.path)
        if make is None:
            raise web.HTTPNotFound(text="there is no such report\n")
        report = await asyncio.to_thread(make)
        return web.Response(body=report, content_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if len(self._following) >= MOST_BROWSERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_BROWSERS} browsers follow this run already\n")
        task = asyncio.current_task()
        assert task is not None
        self._following.add(task)
        try:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await self._follow(response)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._following.discard(task)
            self._left = time.monotonic()
        return response

    async def _follow(self, response: web.StreamResponse) -> None:
        """Tell one browser every Moment it has time for."""
        await response.write(HELLO)
        known = 0
        while not self._ending.is_set():
            news = self._news
            if self._moment is not None and self._number != known:
                step, known = self._number - known, self._number
                told = self._moment.news if step == 1 < known else self._moment.whole
            else:
                try:
                    await asyncio.wait_for(news.wait(), _BEAT)
                    continue
                except TimeoutError:
                    told = b":\n\n"
            await asyncio.wait_for(response.write(told), _PATIENCE)
        await asyncio.wait_for(response.write(BYE), _ENDING)


class _Refused(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _giver(kind: str, content: bytes) -> Handler:
    async def give(request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return give


def _listen(address: Address) -> socket.socket:
    """Raises OutputError."""
    try:
        family, _, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = address.host == "::" and socket.has_dualstack_ipv6()
        listening = socket.create_server(where[:2], family=family, dualstack_ipv6=both)
    except OSError as error:
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error.strerror  # a name that isn't found has a text of its own
        raise OutputError(
            f"can't show the page on {address.host}:{address.port}: {why}; "
            "--web-at [HOST:]PORT names another place, port 0 any that is free"
        ) from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)  # of every connection
    return listening


def _give_way() -> None:
    """On Linux a thread can be nice by itself; elsewhere it would be the process."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
