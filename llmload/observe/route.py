"""The way to a target, and what is read and looked up on it, each in bounded time."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmload.clock import NS, monotonic_ns
from llmload.safe import clean

__all__ = [
    "Closed", "Found", "Head", "Lost", "Route", "is_address", "is_quiet", "joined", "look_up",
    "read_head", "receive", "words",
]  # fmt: skip

_HEAD_MOST: Final = 64 * 1024
_PIECE: Final = 256 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r]")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,7})[ \t]*\r\n", re.IGNORECASE)
_CLOSES: Final = re.compile(rb"\r\nconnection:[^\r\n]*\bclose\b", re.IGNORECASE)

Found = tuple[socket.AddressFamily, Any]
"""Family and socket address."""


@dataclass(frozen=True, slots=True)
class Route:
    """How to get to a target: ``host`` and ``port``, and ``path`` there; with ``tls`` if it is not None, through
    ``proxy`` (host, port) with a ``login`` for HTTP's Basic scheme, or by a ``unix_socket`` in place of all that."""

    host: str
    port: int
    path: str = "/"
    tls: ssl.SSLContext | None = None
    proxy: tuple[str, int] | None = None
    login: str = field(default="", repr=False)
    unix_socket: str = ""

    @property
    def authority(self) -> str:
        """Host and port."""
        return joined(self.host, self.port)

    @property
    def named(self) -> str:
        """The same as a URL has it: a port that goes without saying is left out."""
        usual = 443 if self.tls else 80
        return self.authority.removesuffix(f":{usual}") if self.port == usual else self.authority

    def request(self, method: str, path: str, connection: str) -> bytes:
        """A request without a body and without credentials but those of a proxy."""
        whole = self.proxy is not None and self.tls is None
        login = f"Proxy-Authorization: Basic {self.login}\r\n" if whole and self.login else ""
        return (
            f"{method} {f'http://{self.named}' if whole else ''}{path} HTTP/1.1\r\nHost: {self.named}\r\n"
            f"{login}User-Agent: llmload-ping\r\nAccept: */*\r\nConnection: {connection}\r\n\r\n"
        ).encode()

    def tunnel(self) -> bytes:
        """What a proxy is asked for a connection to the target."""
        login = f"Proxy-Authorization: Basic {self.login}\r\n" if self.login else ""
        return f"CONNECT {self.authority} HTTP/1.1\r\nHost: {self.authority}\r\n{login}\r\n".encode()


class Lost(Exception):
    """There was no answer, and why."""


class Closed(Lost):
    """The connection ended before there was any."""


class Head(NamedTuple):
    """Of an answer. ``length``: of the body as it is stated; -1 where it isn't. ``closes``: nothing may follow on that
    connection. ``left``: what came after the head."""

    status: int
    length: int
    closes: bool
    left: bytes


def read_head(raw: socket.socket, timeout: float) -> Head:
    """The final answer's. Raises Lost, OSError."""
    end, data = monotonic_ns() + round(timeout * NS), b""
    while True:
        head, blank, left = data.partition(b"\r\n\r\n")
        if blank:
            match = _STATUS.match(head + b"\r")
            if match is None:
                raise Lost("what came is no HTTP answer")
            if match[1][0] != ord("1"):
                length = _LENGTH.search(head + b"\r\n")
                closes = not head.startswith(b"HTTP/1.1") or _CLOSES.search(head) is not None
                return Head(int(match[1]), int(length[1]) if length else -1, closes, left)
            data = left  # an interim answer; the final one follows
            continue
        if len(data) > _HEAD_MOST:
            raise Lost(f"the head of the answer is longer than {_HEAD_MOST:,} bytes")
        if not (piece := receive(raw, end)):
            raise Closed("closed without an answer")
        data += piece


def receive(raw: socket.socket, end: int) -> bytes:
    """What has come, b"" at the end of all. Raises TimeoutError at ``end`` (monotonic ns), OSError."""
    left = end - monotonic_ns()
    if left <= 0:
        raise TimeoutError
    raw.settimeout(left / NS)
    return raw.recv(_PIECE)


def is_quiet(raw: socket.socket) -> bool:
    """Whether an idle connection is still open, and nothing came on it that nobody asked for; TLS may have something
    to say of its own."""
    raw.setblocking(False)
    try:
        raw.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False


def look_up(host: str, port: int, timeout: float) -> list[Found]:
    """The addresses of a name, in the system's order (RFC 6724). The system's resolver has time-outs of its own, which
    may be longer than this one. Raises OSError."""
    said: list[list[Found] | OSError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
            said.append([(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:
            said.append(error if isinstance(error, OSError) else OSError(0, "not a name"))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout)
    if not said:
        raise TimeoutError
    found = said[0]
    if isinstance(found, OSError):
        raise found
    return found


def joined(host: str, port: int) -> str:
    """As a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def words(error: OSError, timeout: float) -> str:
    """What an error of a socket means, in a few."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:.3g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return clean(f"the certificate is not accepted: {error.verify_message}", 200)
    if isinstance(error, ssl.SSLError):
        return clean(f"it fails: {error.reason or 'the connection was closed'}", 200)
    return clean(error.strerror or type(error).__name__, 200).lower()


def is_address(host: str) -> bool:
    """Whether it is an address already, and no name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            socket.inet_pton(family, host.partition("%")[0])
            return True
    return False
