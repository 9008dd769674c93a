"""Foreign exceptions -> outcomes, in one table at the edge."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientPayloadError,
    ClientProxyConnectionError,
)
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from llmload.dialects.clean import clean_line
from llmload.errors import DecodeError
from llmload.records import SHORTAGES, Outcome
from llmload.room import descriptors_now, room
from llmload.transport.base import CallFailed
from llmload.wire.frames import why_closed

__all__ = ["dial_failure", "exchange_failure", "let_go", "socket_closed"]

_HAVE: Final[Mapping[int, Callable[[], str]]] = {
    errno.EMFILE: lambda: f"all {descriptors_now():,} it may have are open",
    errno.EADDRNOTAVAIL: lambda: f"there are {room().ports:,}",
}
"""How much there was of what ran out."""


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and (words := SHORTAGES.get(error.errno or 0)):
        have = _HAVE.get(error.errno or 0)
        return f"{words}; {have()}" if have else words
    text = str(error) or type(error).__name__
    return " ".join(text.split())[:200]


_DIAL: tuple[tuple[type[BaseException], Outcome, str], ...] = (
    (ClientConnectorCertificateError, Outcome.TLS_ERROR, "certificate not accepted"),
    (ClientConnectorSSLError, Outcome.TLS_ERROR, "TLS handshake failed"),
    (ssl.SSLError, Outcome.TLS_ERROR, "TLS handshake failed"),
    (ClientProxyConnectionError, Outcome.CONNECT_ERROR, "proxy unreachable"),
    (ClientConnectorDNSError, Outcome.CONNECT_ERROR, "name not resolved"),
    (ClientConnectorError, Outcome.CONNECT_ERROR, "connection not made"),
    (asyncio.TimeoutError, Outcome.TIMEOUT_CONNECT, "connection timed out"),
    (OSError, Outcome.CONNECT_ERROR, "connection not made"),
    (ClientError, Outcome.CONNECT_ERROR, "connection not made"),
)


def dial_failure(error: BaseException) -> CallFailed:
    """What a failed attempt to connect counts as."""
    for kind, outcome, words in _DIAL:
        if isinstance(error, kind):
            cause = error.os_error if isinstance(error, ClientConnectorError) else error
            if isinstance(cause, OSError) and cause.errno in SHORTAGES:
                outcome = Outcome.GENERATOR_ERROR  # the target was never asked
            return CallFailed(outcome, words if isinstance(cause, TimeoutError) else f"{words}: {_reason(cause)}")
    return CallFailed(Outcome.CONNECT_ERROR, _reason(error))


def exchange_failure(error: BaseException, headed: bool) -> CallFailed:
    """What an exchange counts as that broke after it was sent; ``headed``: the head of an answer had arrived."""
    if isinstance(error, DecodeError | HttpProcessingError):
        return CallFailed(Outcome.PROTOCOL_ERROR, f"broken answer: {_reason(error)}")
    if isinstance(error, ClientPayloadError) and isinstance(error.__cause__, ContentEncodingError):
        return CallFailed(Outcome.PROTOCOL_ERROR, f"broken answer: {_reason(error.__cause__)}")
    if not isinstance(error, ClientError | OSError | EOFError):  # a bug of ours must not pass for the target's doing
        return CallFailed(Outcome.PROTOCOL_ERROR, f"llmload failed to read the answer: {error!r:.200}")
    # aiohttp's ClientPayloadError: the connection ended where the framing promised more.
    how = f"connection lost ({_reason(error)})" if isinstance(error, OSError) else "connection closed"
    if headed:
        return CallFailed(Outcome.TRUNCATED, f"{how} inside the answer")
    return CallFailed(Outcome.CONNECT_ERROR, f"{how} before any answer")


def socket_closed(payload: bytes) -> CallFailed:
    """What it counts as that the server closed a WebSocket; ``payload``: of its close frame."""
    return CallFailed(Outcome.TRUNCATED, f"the server closed the socket {clean_line(why_closed(payload), 200)}")


def let_go(error: BaseException | None) -> None:
    """Take the frames off an error: they hold connection and future, which hold the error, and such cycles keep the
    garbage collector busy where a target fails a lot."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
