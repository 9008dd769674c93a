"""WebSockets on stamped connections: dialled like all others, then read by a protocol of our own.

Bytes reach the Sink inside ``data_received``, with the stamp taken there. What is said next is the Sink's ``dialogue``:
this side only carries it out, at its times.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from aiohttp.connector import Connection

from llmload.clock import NS, monotonic_ns
from llmload.dialects.base import OVER, Dialogue
from llmload.dialects.clean import clean_line
from llmload.records import Outcome, WireRequest
from llmload.scenario.plan import Target
from llmload.transport.base import CallFailed, Dial, Sink
from llmload.transport.failures import dial_failure, exchange_failure
from llmload.transport.handler import StampingHandler
from llmload.transport.http import Lane, unreachable
from llmload.wire.frames import CLOSE, PING, PONG, TEXT, FrameDecoder, close_frame, frame, why_closed

__all__ = ["SocketTransport"]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD_MOST: Final = 16 * 1024
_BODY_MOST: Final = 64 * 1024
_DIAL_SECONDS: Final = 10.0
_SWITCHED: Final = 101
_UPGRADE: Final = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))


class SocketTransport:
    """The measuring path "websocket": a connection per call."""

    path = "websocket"

    def __init__(self, targets: Iterable[Target]) -> None:
        self._lanes = {target.name: Lane(target) for target in targets}

    @property
    def opened(self) -> int:
        """See Transport."""
        return sum(lane.dialler.opened for lane in self._lanes.values())

    @property
    def renewals_failed(self) -> int:
        """See Transport."""
        return sum(lane.keys.failed for lane in self._lanes.values())

    def redact(self, text: str) -> str:
        """See Transport."""
        for lane in self._lanes.values():
            text = lane.keys.secrets.redact(text)
        return text

    async def open(self, connections: Mapping[str, int]) -> None:
        """See Transport; opens nothing ahead, only looks whether each target can be reached."""
        for lane in self._lanes.values():
            lane.keys.start()
            try:
                async with asyncio.timeout(_DIAL_SECONDS):
                    connection, _, _ = await lane.dialler.dial()
            except Exception as error:
                raise unreachable(lane.target, dial_failure(error)) from error
            connection.close()

    def begin(self, target: str, request: WireRequest, sink: Sink) -> None:
        """See Transport; never at once."""
        return

    async def exchange(self, target: str, request: WireRequest, sink: Sink) -> None:
        """See Transport."""
        lane = self._lanes[target]
        try:
            connection, handler, dial = await lane.dialler.dial()
        except Exception as error:
            raise dial_failure(error) from error
        socket = _Socket(connection, handler, dial, sink)
        try:
            socket.upgrade(lane, request)
            await socket.done
        finally:
            socket.hang_up()

    async def close(self) -> None:
        """See Transport."""
        for lane in self._lanes.values():
            await lane.keys.close()
            await lane.dialler.close()


class _Socket(asyncio.Protocol):
    """One connection, from the request to upgrade it to its end."""

    def __init__(self, connection: Connection, handler: StampingHandler, dial: Dial, sink: Sink) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._handler = handler
        self._dial = dial
        self._sink = sink
        self._transport = connection.transport
        self._head = bytearray()
        self._decoder: FrameDecoder | None = None
        self._dialogue: Dialogue | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refused: dict[str, str] | None = None
        self._asked = (0, 0)
        self._spoken = False
        self.done: asyncio.Future[None] = self._loop.create_future()

    def upgrade(self, lane: Lane, request: WireRequest) -> None:
        """Ask for a WebSocket."""
        key = base64.b64encode(os.urandom(16))
        self._accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
        headers = (*request.headers, *_UPGRADE, ("Sec-WebSocket-Key", key.decode()))
        data = lane.wire(replace(request, headers=headers))
        if self._transport is None:
            self._fail(exchange_failure(ConnectionResetError("connection closed"), False))
            return
        self._transport.set_protocol(self)
        self._asked = (monotonic_ns(), len(data))
        self._write(data)

    def hang_up(self) -> None:
        """Close the connection, politely where it is a WebSocket."""
        if self._timer is not None:
            self._timer.cancel()
        if self._decoder is not None:
            self._write(close_frame(1000, os.urandom(4)))
        self._connection.close()
        if not self.done.done():
            self.done.cancel()

    def data_received(self, data: bytes) -> None:
        """Stamp, then read."""
        t = monotonic_ns()
        if self.done.done():
            return
        try:
            if self._decoder is None:
                data = self._shake(data, t)
            if self._decoder is not None:
                for message in self._decoder.feed(data):
                    self._heard(message.opcode, message.data, t)
                self._speak()
        except CallFailed as failed:
            self._fail(failed)
        except Exception as error:
            self._fail(exchange_failure(error, True))

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer or the network ended it."""
        self._handler.connection_lost(exc)
        if self._refused is not None and exc is None:
            self._end_refusal(monotonic_ns())
        else:
            self._fail(exchange_failure(exc or EOFError(), self._decoder is not None))

    def _fail(self, failed: CallFailed) -> None:
        if not self.done.done():
            self.done.set_exception(failed)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # -- the handshake -------------------------------------------------------------------------------------

    def _shake(self, data: bytes, t: int) -> bytes:
        """Take bytes of the answer to the upgrade; what comes after it."""
        self._head += data
        if self._refused is not None:
            self._refusal(t)
            return b""
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > _HEAD_MOST:
                raise CallFailed(Outcome.PROTOCOL_ERROR, "broken answer: a head without end")
            return b""
        status, headers = _read_head(bytes(self._head[:end]))
        rest = bytes(self._head[end + 4 :])
        self._sink.opened(t if status == _SWITCHED else self._asked[0], self._dial)
        if status != _SWITCHED:
            self._sink.sent(*self._asked)
            self._sink.head(t, status, headers)
            self._refused, self._head = headers, bytearray(rest)
            self._refusal(t)
            return b""
        if headers.get("sec-websocket-accept") != self._accept:
            raise CallFailed(Outcome.PROTOCOL_ERROR, "broken answer: the upgrade was not answered with its key")
        self._sink.head(t, status, headers)
        self._decoder = FrameDecoder()
        self._dialogue = self._sink.dialogue()
        return rest

    def _refusal(self, t: int) -> None:
        length = (self._refused or {}).get("content-length", "")
        if len(self._head) >= (int(length) if length.isdecimal() and len(length) < 9 else _BODY_MOST):
            self._end_refusal(t)

    def _end_refusal(self, t: int) -> None:
        if not self.done.done():
            self._sink.body(t, bytes(self._head[:_BODY_MOST]))
            self._sink.ended(t)
            self.done.set_result(None)

    # -- messages ------------------------------------------------------------------------------------------

    def _heard(self, opcode: int, data: bytes, t: int) -> None:
        if opcode == PING:
            self._write(frame(PONG, data, os.urandom(4)))
        elif opcode == CLOSE:
            raise CallFailed(Outcome.TRUNCATED, f"the server closed the socket {clean_line(why_closed(data), 200)}")
        elif opcode != PONG:
            self._sink.body(t, data)

    def _speak(self) -> None:
        """Say what is due, and come back when the next is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dialogue = self._dialogue
        while dialogue is not None and not self.done.done():
            now = monotonic_ns()
            due = dialogue.due()
            if due == OVER:
                self._sink.ended(now)
                self.done.set_result(None)
                return
            if due > now:
                self._timer = self._loop.call_later((due - now) / NS, self._speak)
                return
            self._say(dialogue.say(now), now)

    def _say(self, data: bytes | None, t: int) -> None:
        if data is None:
            return
        data = frame(TEXT, data, os.urandom(4))
        if not self._spoken:
            self._spoken = True
            self._sink.sent(t, len(data))
        self._write(data)


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers by lower-case name."""
    line, *lines = head.decode("latin-1").split("\r\n")
    parts = line.split(" ", 2)
    status = 0
    with suppress(IndexError, ValueError):
        status = int(parts[1][:3])
    if not line.startswith("HTTP/1.") or not 100 <= status <= 599:
        raise CallFailed(Outcome.PROTOCOL_ERROR, "broken answer: not HTTP")
    pairs = (each.partition(":") for each in lines)
    return status, {name.strip().lower(): value.strip() for name, _, value in pairs}
