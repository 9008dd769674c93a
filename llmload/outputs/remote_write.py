"""``--export remote-write:URL``: the series of ``prometheus`` pushed to what speaks Prometheus' remote write 1.0.

Every write holds the state of the whole run, so that one that is lost costs a point on a line and no count. The last
one is the state at the end; a while later all series are marked as ended. A label ``instance`` of its own keeps a run
apart from others, also from one that begins before that while is over.

Credentials come from the environment: ``REMOTE_WRITE_TOKEN`` (bearer), or ``REMOTE_WRITE_USERNAME`` and
``REMOTE_WRITE_PASSWORD``; ``REMOTE_WRITE_TENANT`` for systems that have tenants.
"""

from __future__ import annotations

import socket
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from importlib import import_module
from secrets import token_hex
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from llmload import __version__
from llmload.errors import UsageError
from llmload.outputs.export import Tick
from llmload.outputs.native import SCHEMAS, native
from llmload.outputs.place import credential, web_address
from llmload.outputs.points import distributions, families, label, points
from llmload.outputs.post import NotTaken, patience, poster
from llmload.outputs.prometheus import family
from llmload.outputs.sender import Sender
from llmload.scenario.plan import Plan

__all__ = ["RemoteWrite", "make"]

_HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": f"llmload/{__version__}",
}
_SCHEMA: Final = 5
_CAPACITY: Final = 240
"""Writes that wait, at most: two minutes of two a second."""
_STANDS: Final = 15_000
"""ms for which the last state stands before its series end: the step of a graph rarely is longer."""
_UNFIT: Final = (400, 413, 415, 422)
"""Statuses about a body rather than about who sends it, or where to."""


class _Write(NamedTuple):
    body: bytes
    native: bool


class RemoteWrite:
    """Pushes to one URL. ``schema`` of native histograms beside the classic ones; None: none."""

    def __init__(self, url: str, headers: Mapping[str, str], schema: int | None) -> None:
        self._url: Final = url
        self._headers: Final = headers
        self._schema = schema
        self._classic: Any = None
        self._native: Any = None
        self._taken = False
        self._at = 0
        self._sender: Sender[_Write] | None = None
        self._messages: Final[deque[str]] = deque()

    def open(self, plan: Plan) -> None:
        """Begins the thread that writes; a system that is not there is told while the run goes on."""
        batch = _message().Batch
        common = {
            "job": "llmload",
            "instance": f"{socket.gethostname()}:{token_hex(4)}",
            "scenario": plan.name,
            **{label("run", name): value for name, value in plan.tags},
        }
        said = {name: value for name, value in common.items() if value}
        self._classic, self._native = batch(said), batch(said)
        self._post = poster(self._url, self._headers)
        self._sender = Sender("remote-write", self._send, _CAPACITY, patience)

    def tick(self, tick: Tick) -> None:
        """Write how it stands."""
        self._at = max(round(tick.at * 1000), self._at + 1)
        for name, found in families(points(tick.total, tick.judgements)).items():
            for sample in family(name, found).samples:
                self._classic.put(sample.name, sample.labels, sample.value, self._at)
        schema = self._schema  # the sender's thread may say that it is in vain
        if schema is not None:
            for name, labels, values, unit in distributions(tick.total):
                made = native(values, unit, schema)
                self._native.put_native(f"llmload_{name}", dict(labels), made, self._at)
        self._put()

    def _put(self) -> None:
        if self._sender is not None:
            self._sender.put(_Write(self._classic.encode(), native=False))
            if self._native and self._schema is not None:
                self._sender.put(_Write(self._native.encode(), native=True))

    def _send(self, write: _Write) -> None:
        """In the sender's thread."""
        if write.native and self._schema is None:
            return
        try:
            self._post(write.body)
            self._taken |= write.native
        except NotTaken as why:
            unfit = why.status in _UNFIT or "histogram" in str(why)
            if self._taken or not write.native or not unfit:
                raise
            self._schema = None
            self._messages.append(f"remote-write takes no native histograms, classic ones only: {why}")

    def close(self) -> None:
        """Mark every series as ended, and write what is left."""
        if self._sender is None:
            return
        if self._at:
            for batch in (self._classic, self._native):
                batch.end(self._at + _STANDS)
            self._put()
            self._at = 0
        self._sender.finish()

    def messages(self) -> list[str]:
        """What the sender says, and what the other side does not take."""
        said = [self._messages.popleft() for _ in range(len(self._messages))]
        return [*said, *(self._sender.messages() if self._sender is not None else ())]


def _message() -> Any:
    """The module that needs the extra."""
    try:
        return import_module("llmload.outputs.write_request")
    except ImportError as error:
        needs = "--export remote-write needs protobuf and cramjam: pip install 'llmload[remote-write]'"
        raise UsageError(needs) from error


def _schema_of(text: str) -> int | None:
    if text == "off":
        return None
    if text not in map(str, SCHEMAS):
        wanted = f"off, or the resolution of native histograms, {SCHEMAS[0]} to {SCHEMAS[-1]}"
        raise UsageError(f"--export remote-write: native={text[:40]!r} is not {wanted}")
    return int(text)


def _login() -> dict[str, str]:
    token, user, password, tenant = (
        credential("remote-write", f"REMOTE_WRITE_{name}") for name in ("TOKEN", "USERNAME", "PASSWORD", "TENANT")
    )
    login = {"X-Scope-OrgID": tenant} if tenant else {}
    if token:
        return {**login, "Authorization": f"Bearer {token}"}
    if user:
        return {**login, "Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
    return login


def make(where: str) -> RemoteWrite:
    """``native=off`` or ``native=SCHEMA`` in the query is for us, the rest of it for the system. Raises UsageError."""
    url = web_address("remote-write", where, "http://127.0.0.1:9090/api/v1/write")
    query = parse_qsl(url.query, keep_blank_values=True)
    schemas = [_schema_of(value) for name, value in query if name == "native"]
    rest = urlencode([(name, value) for name, value in query if name != "native"])
    _message()
    return RemoteWrite(
        url._replace(query=rest, fragment="").geturl(), {**_HEADERS, **_login()}, schemas[-1] if schemas else _SCHEMA
    )
