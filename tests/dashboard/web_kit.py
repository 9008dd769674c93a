"""A page with the made-up run on it, and a client that reads its events as they come over the socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import dashboard_run as run
import orjson
import urllib3

from llmload.dashboard.live import QuietDisplay
from llmload.dashboard.web.address import Address
from llmload.dashboard.web.display import Page, WebDisplay, served

ANY_PORT = Address("127.0.0.1", 0)


class Event(NamedTuple):
    name: str
    data: Any


class Follower:
    """A browser's part of server-sent events, on a bare socket; reads no more than it is asked to, and lets little
    wait for it."""

    def __init__(self, port: int, **headers: str) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(20)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        lines = [f"{name}: {value}" for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items()]
        self.socket.sendall(("\r\n".join(["GET /events HTTP/1.1", *lines]) + "\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(line.split(": ", 1) for line in iter(self._line, ""))
        self._rest = b""

    def _line(self) -> str:
        return self.file.readline().decode().strip()

    def _chunk(self) -> bytes:
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        self.file.readline()
        return data if size else b""

    def event(self) -> Event:
        """The next one that has data; EOFError where the server has ended."""
        while True:
            while b"\n\n" not in self._rest:
                chunk = self._chunk()
                if not chunk:
                    raise EOFError
                self._rest += chunk
            block, _, self._rest = self._rest.partition(b"\n\n")
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
            if b"data" in fields:
                return Event(fields[b"event"].decode(), orjson.loads(fields[b"data"]))

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@contextmanager
def following(page: Page, **headers: str) -> Iterator[Follower]:
    follower = Follower(page.server.port, **headers)
    try:
        yield follower
    finally:
        follower.close()


@contextmanager
def page_of(runs: int = 1) -> Iterator[Page]:
    with served(Page(ANY_PORT, runs)) as page:
        yield page


def get(page: Page, path: str = "/", **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"http://127.0.0.1:{page.server.port}{path}", headers=headers, retries=False)


def shown(page: Page, until: float, run_number: int = 1, now: list[float] | None = None) -> WebDisplay:
    """The made-up run on the page, up to that second, a Moment for each."""
    at = now if now is not None else [0.0]
    display = page.display(run_number, QuietDisplay(), now=lambda: at[0])
    for second, flying, summary in run.summaries(until=until, every=1.0):
        at[0] += 1.0
        display.update(run.frame_of(second, flying, summary))
    return display
