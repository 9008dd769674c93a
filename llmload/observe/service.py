"""What a target tells of itself before a run: software, versions, models, limits.

GETs that bill nobody: the list of models, and pages by which the usual servers tell what they are. What is kept is on a
list (fields and headers by name), so that nothing comes along that a server tells by mistake: SGLang's page of settings
has the server's own key in it. Redirects are not followed, and no server gets more time or memory than is set here.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import urllib3
import urllib3.connection

from llmload.observe.pages import PAGES, from_headers, from_list, from_page
from llmload.safe import clean

__all__ = ["SECONDS", "Way", "ask", "silent"]

SECONDS: Final = 5.0
"""For all that one target is asked."""
_EACH: Final = 2.0
"""For one question."""
_LATE: Final = "it took longer than {:g} s"
_LARGEST: Final = 2**20
_PIECE: Final = 1 << 16
_HOSTED: Final = ("openai-version", "anthropic-organization-id", "apim-request-id", "x-amzn-requestid")
"""Headers of services whose servers have no pages of their own to look at."""
_VERSION: Final = re.compile(r"/(?:v\d\w{0,10}|api)$")
"""The end of a base URL, beside which a server's pages of its own stand."""
_HTTP: Final = {10: "1.0", 11: "1.1", 20: "2"}
_WEB: Final = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Way:
    """How to ask a target: its ``base_url``; ``listing``: the path of its models below that, "" where it has none;
    ``model``: which of them is meant; ``pages``: whether its server may be asked for pages of its own; ``headers`` with
    credentials; ``tls``: for https; ``proxy`` with its headers; ``unix_socket`` in place of an address."""

    base_url: str
    listing: str = "models"
    model: str = ""
    pages: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None
    proxy: str = field(default="", repr=False)
    proxy_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    unix_socket: str = ""


class _Silent(Exception):
    """No answer, and why: nothing more is asked."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    document: Any


def ask(ways: Mapping[str, Way], redact: Callable[[str], str] = lambda text: text) -> dict[str, dict[str, str]]:
    """The facts of every target, by its name (those in ``analysis.environments.TARGET``). Never raises for what a
    server does; takes no longer than ``SECONDS``. ``redact`` strikes out secrets that a server repeats."""
    asked = {name: _Asked(way) for name, way in ways.items()}
    end = time.monotonic() + SECONDS
    for each in asked.values():
        each.start()
    for each in asked.values():
        each.join(max(0.0, end - time.monotonic()))
    found = {name: each.told() for name, each in asked.items()}
    return {name: {fact: redact(value) for fact, value in facts.items() if value} for name, facts in found.items()}


class _Asked(threading.Thread):
    """A target that is being asked."""

    def __init__(self, way: Way) -> None:
        super().__init__(name="llmload-fingerprint", daemon=True)
        self._way: Final = way
        self._line: _Line | None = None
        self._facts: Final[dict[str, str]] = {}

    def run(self) -> None:
        try:
            self._line = _Line(self._way)
            _questions(self._way, self._line, self._facts)
        except _Silent as why:
            self._facts["trouble"] = str(why)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._facts["trouble"] = _words(error)
        finally:
            if self._line is not None:
                self._line.close()

    def told(self) -> dict[str, str]:
        """What is known by now; no more is asked."""
        late = self.is_alive()
        facts = dict(self._facts)
        if late:
            if self._line is not None:
                self._line.cut()
            facts["trouble"] = _LATE.format(SECONDS)
        return facts


def silent(facts: Mapping[str, str]) -> bool:
    """Whether a target that was asked answered nothing at all."""
    return "trouble" in facts and "answered" not in facts


def _questions(way: Way, line: _Line, facts: dict[str, str]) -> None:
    base = urlsplit(way.base_url).path.rstrip("/")
    beside = _VERSION.sub("", base)
    answer = line.get(f"{base}/{way.listing}")
    facts |= {"answered": f"HTTP {answer.status}", **line.seen, **from_headers(answer.headers)}
    facts |= from_list(answer.document, way.model)
    if not way.pages or any(name in answer.headers for name in _HOSTED):
        return
    for page in PAGES:
        if facts.get("software", page.of[0]) in page.of:
            got = line.get(f"{beside}{page.path}")
            facts |= from_page(page, got.status, got.document)


class _Line:
    """A connection to a target, for questions one after another."""

    def __init__(self, way: Way) -> None:
        self.seen: dict[str, str] = {}
        """What the connection itself shows."""
        self._socket: socket.socket | None = None
        self._over = False
        url = urlsplit(way.base_url)
        self._root: Final = f"{_WEB.get(url.scheme, url.scheme)}://{url.netloc.rpartition('@')[2]}"
        self._headers: Final = {"Accept": "application/json", "Accept-Encoding": "identity", **way.headers}
        self._proxied: Final = bool(way.proxy)
        settings: dict[str, Any] = {
            "retries": False, "timeout": urllib3.Timeout(total=_EACH), "num_pools": 1, "ssl_context": way.tls,
        }  # fmt: skip
        if way.proxy:
            self._pool: urllib3.PoolManager = urllib3.ProxyManager(
                way.proxy, proxy_headers=dict(way.proxy_headers), **settings
            )
        else:
            self._pool = urllib3.PoolManager(**settings)
        self._pool.pool_classes_by_scheme = _pools(way.unix_socket, self._look)

    def cut(self) -> None:
        """Nobody waits any more: whatever is under way ends now, and nothing follows."""
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """No more questions."""
        self._pool.clear()

    def get(self, path: str) -> _Answer:
        """The answer to a GET; its document is None where it is none, or too long. Raises _Silent."""
        if self._over:
            raise _Silent(_LATE.format(SECONDS))
        try:
            answer = self._pool.request(
                "GET", f"{self._root}{path}", headers=self._headers, redirect=False, preload_content=False,
                decode_content=False,
            )  # fmt: skip
            body = self._body(answer)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _Silent(_words(error)) from None
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self.seen["http"] = _HTTP.get(answer.version, "")
        return _Answer(answer.status, headers, _document(body))

    def _body(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        """All of it, b"" where that is more than is looked at."""
        body = bytearray()
        for piece in answer.stream(_PIECE, decode_content=False):
            body += piece
            if len(body) > _LARGEST:
                answer.close()
                return b""
        answer.release_conn()
        return bytes(body)

    def _look(self, raw: socket.socket) -> None:
        """A connection was made."""
        self._socket = raw
        with suppress(OSError):
            self.seen["tls"] = "none"
            if isinstance(raw, ssl.SSLSocket):
                self.seen["tls"] = f"{raw.version()} {(raw.cipher() or ('',))[0]}"
            if raw.family in (socket.AF_INET, socket.AF_INET6) and not self._proxied:
                self.seen["address"] = clean(str(raw.getpeername()[0]), 80)


def _document(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _words(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.ProxyError | urllib3.exceptions.ProxySchemeUnknown):
        return "its proxy can not be reached"
    if isinstance(error, urllib3.exceptions.SSLError):
        return _words_of_tls(error.args[0] if error.args else None)
    if isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError):
        return "it can not be reached"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return f"no answer within {_EACH:g} s"
    return "its answer is not HTTP, or broke off"


def _words_of_tls(cause: object) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return clean(f"the certificate is not accepted: {cause.verify_message}", 200)
    reason = cause.reason if isinstance(cause, ssl.SSLError) else ""
    return clean(f"TLS fails: {reason or 'the connection was closed'}", 200)


def _pools(unix_socket: str, made: Callable[[socket.socket], None]) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Pools by scheme that tell of each connection they make; those of http go to a ``unix_socket`` if there is one."""

    class Plain(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _by_path(self, unix_socket) if unix_socket else super()._new_conn()

        def connect(self) -> None:
            super().connect()
            made(self.sock)

    class Secured(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            made(self.sock)

    class Http(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class Https(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": Http, "https": Https}


def _by_path(connection: urllib3.connection.HTTPConnection, path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(_EACH)
    try:
        made.connect(path)
    except OSError as error:
        made.close()
        raise urllib3.exceptions.NewConnectionError(connection, str(error)) from error
    return made
