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
from llmload.dialects.base import NEVER, OVER, Dialogue
from llmload.records import Outcome, WireRequest
from llmload.scenario.plan import Target
from llmload.transport.base import CallFailed, Dial, Sink
from llmload.transport.failures import dial_failure, exchange_failure, socket_closed
from llmload.transport.handler import StampingHandler
from llmload.transport.lane import Lane, Lanes, with_trace
from llmload.wire.frames import CLOSE, PING, PONG, TEXT, FrameDecoder, close_frame, frame

__all__ = ["SocketTransport"]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD_MOST: Final = 16 * 1024
_BODY_MOST: Final = 64 * 1024
_MOST_KEPT: Final = 4096
"""Idle sockets of one target; where every call has headers of its own, none of them is ever of use again."""
_OWED_MOST: Final = 64 * 1024
"""Bytes of answers that wait to be taken, beyond which pings are not answered."""
_SWITCHED: Final = 101
_UPGRADE: Final = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))


class SocketTransport(Lanes):
    """The measuring path "websocket": a connection per call, unless a dialogue leaves its socket to the next."""

    path = "websocket"

    def __init__(self, targets: Iterable[Target]) -> None:
        super().__init__(targets)
        self._kept: dict[str, list[_Socket]] = {name: [] for name in self._lanes}
        """Open sockets that no call uses, by target; used last, last."""

    async def open(self, connections: Mapping[str, int]) -> None:
        """See Transport; opens nothing ahead, only looks whether each target can be reached."""
        for lane in self._lanes.values():
            connection, _ = await lane.reach()
            connection.close()

    def begin(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """See Transport; never at once."""
        return

    async def exchange(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """See Transport."""
        lane = self._lanes[target]
        socket = self._idle(target, request)
        if socket is None:
            try:
                socket = _Socket(*await lane.dialler.dial())
            except Exception as error:
                raise dial_failure(error) from error
        try:
            if socket.alive:
                socket.resume(sink)
            else:
                socket.upgrade(lane, request, sink, trace)
            await socket.done
        finally:
            self._put_back(target, socket)

    def _idle(self, target: str, request: WireRequest) -> _Socket | None:
        """A kept socket that was opened by the same request."""
        kept = self._kept[target]
        for at in range(len(kept) - 1, -1, -1):
            if not kept[at].alive:
                kept.pop(at).hang_up()
            elif kept[at].request == request:
                return kept.pop(at)
        return None

    def _put_back(self, target: str, socket: _Socket) -> None:
        kept = self._kept[target]
        if not socket.keeps:
            socket.hang_up()
            return
        kept.append(socket)
        if len(kept) > _MOST_KEPT:
            kept.pop(0).hang_up()

    async def close(self) -> None:
        """See Transport."""
        for sockets in self._kept.values():
            for socket in sockets:
                socket.hang_up()
        await super().close()


class _Socket(asyncio.Protocol):
    """One connection, from the request to upgrade it to its end; it carries one exchange after another."""

    def __init__(self, connection: Connection, handler: StampingHandler, dial: Dial) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._handler = handler
        self._dial = dial
        self._transport = connection.transport
        self._head = bytearray()
        self._decoder: FrameDecoder | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refused: dict[str, str] | None = None
        self._accepted: dict[str, str] = {}
        self._asked = (0, 0)
        self.done: asyncio.Future[None] = self._loop.create_future()

    def _take(self, sink: Sink) -> None:
        """Carry the exchange of ``sink``."""
        self._sink = sink
        self._dialogue: Dialogue | None = None
        self._spoken = False
        self.done = self._loop.create_future()

    def upgrade(self, lane: Lane, request: WireRequest, sink: Sink, trace: str) -> None:
        """Ask for a WebSocket. Its trace is that of the call it is opened for: later ones send no head."""
        self._take(sink)
        self.request = request
        key = base64.b64encode(os.urandom(16))
        self._accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
        headers = (*request.headers, *_UPGRADE, ("Sec-WebSocket-Key", key.decode()))
        data = lane.wire(replace(request, headers=headers))
        if trace:
            data = with_trace(data, trace)
            sink.traced(trace)
        if self._transport is None:
            self._fail(exchange_failure(ConnectionResetError("connection closed"), False))
            return
        self._transport.set_protocol(self)
        self._asked = (monotonic_ns(), len(data))
        self._write(data)

    def resume(self, sink: Sink) -> None:
        """Carry another exchange on the open socket, whose head is told again."""
        self._take(sink)
        now = monotonic_ns()
        sink.opened(now, None)
        sink.head(now, _SWITCHED, self._accepted)
        self._dialogue = sink.dialogue()
        self._speak()

    @property
    def alive(self) -> bool:
        """It is a WebSocket, and open."""
        return self._decoder is not None and self._transport is not None and not self._transport.is_closing()

    @property
    def keeps(self) -> bool:
        """The exchange is over and left it open for another."""
        over = self.done.done() and not self.done.cancelled() and self.done.exception() is None
        return over and self.alive and self._dialogue is not None and self._dialogue.keeps()

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
        """Stamp, then read; between exchanges too, as a server may close the socket or ask whether we live."""
        t = monotonic_ns()
        try:
            if self.done.done():
                self._idle(data)
                return
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

    def _idle(self, data: bytes) -> None:
        """Nobody listens: whatever is said is let go, and what ends the socket ends it."""
        for message in self._decoder.feed(data) if self._decoder is not None else ():
            if message.opcode == PING:
                self._pong(message.data)
            elif message.opcode == CLOSE:
                self._connection.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer or the network ended it."""
        self._handler.connection_lost(exc)
        if self._refused is not None and exc is None:
            self._end_refusal(monotonic_ns())
        else:
            self._fail(exchange_failure(exc or EOFError(), self._decoder is not None))

    def _fail(self, failed: CallFailed) -> None:
        if self.done.done():
            self._connection.close()
        else:
            self.done.set_exception(failed)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _pong(self, data: bytes) -> None:
        """Answer a ping, but none of a peer that doesn't read: what is owed to it would grow without bound."""
        if self._transport is not None and self._transport.get_write_buffer_size() < _OWED_MOST:
            self._write(frame(PONG, data, os.urandom(4)))

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
            if 200 <= status < 300:
                raise CallFailed(Outcome.PROTOCOL_ERROR, f"HTTP {status}: no upgrade to a WebSocket")
            self._refused, self._head = headers, bytearray(rest)
            self._refusal(t)
            return b""
        if headers.get("sec-websocket-accept") != self._accept:
            raise CallFailed(Outcome.PROTOCOL_ERROR, "broken answer: the upgrade was not answered with its key")
        self._sink.head(t, status, headers)
        self._accepted = headers
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
            self._pong(data)
        elif opcode == CLOSE and self._dialogue is not None and self._dialogue.due() == OVER:
            self._connection.close()  # all was said; the socket is of no more use
        elif opcode == CLOSE:
            raise socket_closed(data)
        elif opcode != PONG:
            self._sink.body(t, data)

    def _speak(self) -> None:
        """Say what is due, in one go, and come back when the next is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dialogue = self._dialogue
        if dialogue is None or self.done.done():
            return
        now = monotonic_ns()
        said = bytearray()
        while OVER < (due := dialogue.due()) <= now:
            if (data := dialogue.say(now)) is not None:
                said += frame(TEXT, data, os.urandom(4))
        if said:
            self._say(bytes(said), now)
        if due == OVER:
            self._sink.ended(now)
            self.done.set_result(None)
        elif due < NEVER:
            self._timer = self._loop.call_later((due - now) / NS, self._speak)

    def _say(self, data: bytes, t: int) -> None:
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
