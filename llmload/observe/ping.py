"""The way to a target, step by step: DNS, TCP connect, TLS handshake, and an HTTP round trip on a new connection and on
one that is kept.

Blocking sockets, each step stamped where it begins and ends; nothing else runs meanwhile. What is asked is a HEAD
without credentials: any answer will do, a 401 as well as a 404, and none costs anything.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from llmload.clock import NEVER, NS, monotonic_ns
from llmload.metrics.ping import STEPS, Address, Ping, trips
from llmload.observe.route import (
    Closed,
    Found,
    Head,
    Lost,
    Route,
    is_address,
    is_quiet,
    joined,
    look_up,
    read_head,
    receive,
    words,
)
from llmload.safe import clean
from llmload.units import format_bytes

__all__ = ["Pinger"]

_DOWNLOAD_MOST: Final = 64 * 2**20
_DOWNLOAD_LEAST: Final = 256 * 1024
"""Bytes. What is less is over before TCP is at its speed."""
_DOWNLOAD_SECONDS: Final = 10.0
_TCP_INFO: Final = getattr(socket, "TCP_INFO", 0)
_RESENT: Final = struct.Struct("=100xI")
"""Where ``tcpi_total_retrans`` stands in Linux's ``struct tcp_info``."""
_SHOWN: Final = 80
_SHORTEST: Final = 0.001
"""Seconds; 0 would mean none at all to a socket."""


@dataclass(slots=True)
class _Line:
    """An open connection; ``kept``: another request may be sent on it."""

    socket: socket.socket
    kept: bool = False


class Pinger:
    """Round trips by one route, each step in at most ``timeout`` seconds, none after ``end`` (monotonic ns). To be
    closed."""

    def __init__(self, route: Route, timeout: float = 2.0, end: int = NEVER) -> None:
        self.trouble = ""
        """What went wrong last, "" if nothing did."""
        self._route: Final = route
        self._most: Final = timeout
        self._end_at: Final = end
        self._taken: Final[dict[str, list[int | None]]] = {}
        self._round: dict[str, int | None] = {}
        self._addresses: dict[str, Address] = {}
        self._kept: _Line | None = None
        self._resent: int | None = None
        self._method = "HEAD"
        self._status = 0
        self._tls = ""
        self._throughput: float | None = None

    # -- what is done ----------------------------------------------------------------------------------------

    def once(self) -> Mapping[str, int | None]:
        """One round: a new connection, a request on it, and one on the connection that is kept from the first round on.
        What each step took, ns; None for the one that was lost, after which there are none of that connection."""
        self._round = {}
        line: _Line | None = None
        with suppress(Lost):
            line = self._dial()
            self._trip("first", line)
        if self._kept is None and line is not None and line.kept:
            self._kept, line = line, None
        with suppress(Lost):
            if self._kept is not None and is_quiet(self._kept.socket):
                self._trip("kept", self._kept)
        if self._kept is not None and not (self._kept.kept and is_quiet(self._kept.socket)):
            self.close()
        if line is not None:
            self._end(line)
        for name, took in self._round.items():
            self._taken.setdefault(name, []).append(took)
        return self._round

    def download(self, path: str) -> str:
        """Get ``path`` and take the speed at which its body comes; why there is none, "" if there is.

        From the first byte to the last, at most 64 MiB or ten seconds of it.
        """
        self._round = {}
        line: _Line | None = None
        try:
            line = self._dial()
            line.socket.sendall(self._route.request("GET", path, "close"))
            size, took = self._drain(line.socket)
        except Lost as lost:
            return str(lost)
        except OSError as error:
            return words(error, self._timeout)
        finally:
            if line is not None:
                self._end(line)
        if size < _DOWNLOAD_LEAST:
            return f"{path} holds too little: it takes {format_bytes(_DOWNLOAD_LEAST)} or more after the first read"
        self._throughput = size / (max(1, took) / NS)
        return ""

    def found(self) -> Ping:
        """What was found so far."""
        route = self._route
        return Ping(
            host=f"unix:{clean(route.unix_socket, 200)}" if route.unix_socket else route.authority,
            addresses=tuple(self._addresses.values()),
            via=joined(*route.proxy) if route.proxy else "",
            tls=self._tls,
            asked=f"{self._method} {route.path}",
            status=self._status,
            steps={name: trips(self._taken[name]) for name in STEPS if name in self._taken},
            resent=self._resent,
            throughput=self._throughput,
            trouble=self.trouble,
        )

    def close(self) -> None:
        """Close the connection that was kept."""
        if self._kept is not None:
            self._end(self._kept)
        self._kept = None

    @property
    def _timeout(self) -> float:
        return max(_SHORTEST, min(self._most, (self._end_at - monotonic_ns()) / NS))

    # -- dialling --------------------------------------------------------------------------------------------

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """What is done inside is timed under that name. Raises Lost in place of what sockets raise."""
        began, limit = monotonic_ns(), self._timeout
        try:
            yield
        except (OSError, Lost) as error:
            self._round[name] = None
            self.trouble = f"{STEPS[name]}: {error if isinstance(error, Lost) else words(error, limit)}"
            raise Lost(self.trouble) from error
        self._round[name] = monotonic_ns() - began

    def _dial(self) -> _Line:
        """A new connection, as far as the target itself. Raises Lost."""
        route = self._route
        line = _Line(self._by_path() if route.unix_socket else self._by_address())
        try:
            if route.proxy and route.tls:
                with self._step("proxy"):
                    self._tunnel(line.socket)
            if route.tls:
                with self._step("tls"):
                    line.socket.settimeout(self._timeout)
                    made = route.tls.wrap_socket(line.socket, server_hostname=route.host)
                line.socket = made
                self._tls = f"{made.version()} {(made.cipher() or ('',))[0]}".strip()
        except BaseException:
            line.socket.close()
            raise
        return line

    def _by_path(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        try:
            with self._step("unix"):
                made.settimeout(self._timeout)
                made.connect(self._route.unix_socket)
        except BaseException:
            made.close()
            raise
        return made

    def _by_address(self) -> socket.socket:
        """The address that worked before, else the first that does, in the system's order."""
        found = self._look_up()
        found.sort(key=lambda each: not self._addresses[each[1][0]].used)
        before = self.trouble
        for family, address in found[:-1]:
            with suppress(Lost):
                made = self._connect(family, address)
                self.trouble = before
                return made
        return self._connect(*found[-1])

    def _look_up(self) -> list[Found]:
        host, port = self._route.proxy or (self._route.host, self._route.port)
        if is_address(host):
            found = look_up(host, port, self._timeout)
        else:
            with self._step("dns"):
                found = look_up(host, port, self._timeout)
        for _, address in found:
            self._addresses.setdefault(address[0], Address(clean(address[0], _SHOWN)))
        return found

    def _connect(self, family: socket.AddressFamily, address: Any) -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.settimeout(self._timeout)
        text = clean(address[0], _SHOWN)
        try:
            with self._step("tcp"):
                made.connect(address)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException as error:
            made.close()
            if isinstance(error, Lost):
                self._addresses[address[0]] = Address(text, False, str(error).partition(": ")[2])
            raise
        self._addresses[address[0]] = Address(text, True)
        return made

    def _tunnel(self, raw: socket.socket) -> None:
        raw.sendall(self._route.tunnel())
        head = read_head(raw, self._timeout)
        if head.status != 200 or head.left:
            raise Lost(f"the proxy answers HTTP {head.status}" if head.status != 200 else "it says more than it may")

    def _end(self, line: _Line) -> None:
        with suppress(OSError, struct.error):
            told = line.socket.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RESENT.size)
            self._resent = (self._resent or 0) + int(_RESENT.unpack(told)[0])
        line.socket.close()

    # -- HTTP ------------------------------------------------------------------------------------------------

    def _trip(self, name: str, line: _Line) -> None:
        """A request and the head of its answer, timed; then, untimed, the rest of it. Raises Lost.

        A server that does not know HEAD is asked GET from then on.
        """
        asked, line.kept = self._method, False
        try:
            with self._step(name):
                line.socket.settimeout(self._timeout)
                line.socket.sendall(self._route.request(asked, self._route.path, "keep-alive"))
                head = read_head(line.socket, self._timeout)
        except Lost as lost:
            if isinstance(lost.__cause__, Closed):
                self._method = "GET"
            raise
        self._status = head.status
        if asked == "HEAD" and head.left:
            self._method = "GET"
        elif not head.closes:
            line.kept = asked == "HEAD" or self._read_body(line.socket, head)

    def _read_body(self, raw: socket.socket, head: Head) -> bool:
        """Whether all of it came, and nothing more."""
        missing, end = head.length - len(head.left), monotonic_ns() + round(self._timeout * NS)
        with suppress(OSError):
            while missing > 0 and (piece := receive(raw, end)):
                missing -= len(piece)
        return missing == 0 and head.length >= 0

    def _drain(self, raw: socket.socket) -> tuple[int, int]:
        """Bytes that came after the first read, and the ns in which they did."""
        head = read_head(raw, self._timeout)
        if head.status != 200:
            raise Lost(f"HTTP {head.status}")
        first = last = monotonic_ns()
        size, end = 0, first + round(_DOWNLOAD_SECONDS * NS)
        with suppress(TimeoutError):
            while size < _DOWNLOAD_MOST and (piece := receive(raw, min(end, last + round(self._timeout * NS)))):
                size, last = size + len(piece), monotonic_ns()
        return size, last - first
