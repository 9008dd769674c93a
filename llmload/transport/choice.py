"""Which transport carries a run: the direct one where aiohttp keeps its promises, else the fallback, and why."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import BaseConnector, Connection, TCPConnector
from aiohttp.streams import StreamReader

from llmload.dialects import DIALECTS
from llmload.scenario.plan import Target
from llmload.transport.base import Transport
from llmload.transport.http import HttpTransport
from llmload.transport.plain import PlainTransport
from llmload.transport.switch import Switch
from llmload.transport.websocket import SocketTransport

__all__ = ["broken_promises", "open_transport"]

_PROMISES = (
    (ResponseHandler, "set_response_params"),
    (ResponseHandler, "feed_data"),
    (ResponseHandler, "set_exception"),
    (ResponseHandler, "should_close"),
    (ResponseHandler, "resume_reading"),
    (ResponseHandler, "writing_paused"),
    (ResponseHandler, "is_connected"),
    (ResponseHandler, "force_close"),
    (ResponseHandler, "close"),
    (ResponseHandler, "abort"),
    (StreamReader, "read_nowait"),
    (StreamReader, "is_eof"),
    (BaseConnector, "connect"),
    (Connection, "close"),
    (Connection, "protocol"),
    (Connection, "transport"),
    (TCPConnector, "_resolve_host"),
)


def broken_promises() -> list[str]:
    """What the direct path needs and the installed aiohttp does not have."""
    return [f"{owner.__name__}.{name}" for owner, name in _PROMISES if not hasattr(owner, name)]


def open_transport(targets: Iterable[Target]) -> tuple[Transport, str]:
    """The transport to use and, when it is the fallback, why (else "")."""
    targets = tuple(targets)
    sockets = tuple(target for target in targets if DIALECTS[target.dialect].socket)
    others = tuple(target for target in targets if target not in sockets)
    if sockets and not others:
        return SocketTransport(sockets), ""
    transport, why = _over_http(others)
    return (Switch(transport, [each.name for each in others], SocketTransport(sockets)) if sockets else transport), why


def _over_http(targets: tuple[Target, ...]) -> tuple[Transport, str]:
    if missing := broken_promises():
        return PlainTransport(targets), f"aiohttp {aiohttp.__version__} has no {', '.join(missing)}"
    return HttpTransport(targets), ""
