"""What hostile servers frame: WebSocket frames, frames of AWS event streams and lines, each beyond its bound."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "wire"))

import pytest
from aws_frames import event
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from wire_server import serving

from llmload.clock import monotonic_ns
from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.records import Api, Call, Message, Outcome, Record
from llmload.scenario.plan import Limits, Target
from llmload.transport.choice import open_transport
from llmload.transport.websocket import _Socket
from llmload.wire.frames import MESSAGE_LIMIT

LIMITS = Limits(first_token=1.0, idle=1.0, total=3.0)


async def call(url: str, name: str, limits: Limits = LIMITS) -> Record:
    transport, _ = open_transport([Target("main", url, dialect=name)])
    speaks = dialect(name)
    asked = Call(0, "c", "main", Api.CHAT, "m", stream=True, messages=(Message("user", "hi"),))
    try:
        prepared = Prepared(Record(asked, monotonic_ns()), speaks.request(asked), speaks)
        return await CallRun(prepared, transport, Deadlines.of(limits), monotonic_ns).run()
    finally:
        await transport.close()


# -- sockets -----------------------------------------------------------------------------------------------------


def served(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


PART = bytes(1 << 20)
FRAMES = {
    "a message that says it is too long": (
        b"\x81\x7f" + (MESSAGE_LIMIT + 1).to_bytes(8, "big"),
        "a message longer than",
    ),
    "a message that is too long in parts": (
        served(Opcode.TEXT, PART, False) + served(Opcode.CONT, PART, False) * 16,
        "a message longer than",
    ),
    "a length beyond 63 bits": (b"\x81\x7f" + b"\xff" * 8, "a message longer than"),
    "a ping that is too long": (b"\x89\x7e\x00\x7e" + bytes(126), "a control frame that is too long"),
    "a close frame in parts": (b"\x08\x02\x03\xe8", "a control frame that is too long or in parts"),
    "a frame that is masked": (b"\x81\x82abcdxx", "not a WebSocket frame of a server"),
    "a frame of an extension": (b"\xc1\x02{}", "not a WebSocket frame of a server"),
    "a part of nothing": (b"\x80\x02{}", "parts of a message out of order"),
}


async def to_socket(say: Callable[[ServerConnection], Awaitable[None]], limits: Limits = LIMITS) -> Record:
    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        await say(socket)
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        return await call(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "openai-realtime", limits)


@pytest.mark.parametrize("name", FRAMES)
async def test_frames_beyond_their_bounds(name: str) -> None:
    data, why = FRAMES[name]

    async def say(socket: ServerConnection) -> None:
        socket.transport.write(data)

    record = await to_socket(say)
    assert record.outcome is Outcome.PROTOCOL_ERROR
    assert record.detail.startswith(f"broken answer: {why}")


async def test_messages_count_towards_the_body() -> None:
    async def say(socket: ServerConnection) -> None:
        for _ in range(3):
            await socket.send('{"type":"x"}' + " " * 1000)

    record = await to_socket(say, Limits(first_token=1.0, idle=1.0, total=3.0, body=2048))
    assert record.outcome is Outcome.PROTOCOL_ERROR
    assert "limits.body" in record.detail


@pytest.mark.parametrize("piece", [b"\x81\x00", b"\x8a\x00", b"\x89\x00"])
async def test_frames_that_say_nothing_for_ever(piece: bytes) -> None:
    async def say(socket: ServerConnection) -> None:
        while not socket.transport.is_closing():
            socket.transport.write(piece)
            await asyncio.sleep(0.001)

    record = await to_socket(say, Limits(first_token=0.3, idle=0.3, total=3.0))
    assert record.outcome is Outcome.TIMEOUT_FIRST_TOKEN


async def test_pings_of_a_server_that_does_not_read_are_answered_as_far_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owed: list[int] = []
    sockets: list[asyncio.WriteTransport] = []
    made = _Socket.upgrade

    def upgrade(self: _Socket, *given: Any) -> None:
        sockets.append(self._connection.transport)  # type: ignore[arg-type]
        made(self, *given)

    monkeypatch.setattr(_Socket, "upgrade", upgrade)

    async def say(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        pings = served(Opcode.PING, b"x" * 125) * 2000
        for _ in range(40):
            socket.transport.write(pings)
            await asyncio.sleep(0.005)
            owed.append(sockets[-1].get_write_buffer_size())

    record = await to_socket(say, Limits(first_token=1.5, idle=1.5, total=3.0))
    assert record.outcome is Outcome.TIMEOUT_FIRST_TOKEN
    assert max(owed) < 2 * (64 << 10)


@pytest.mark.parametrize(
    ("said", "outcome", "why"),
    [
        (b"HTTP/1.1 101 Go\r\n" + b"X-Y: z\r\n" * 3000, Outcome.PROTOCOL_ERROR, "a head without end"),
        (b"HTTP/1.1 403 No\r\n\r\n" + b"<b>no</b>" * 20_000, Outcome.HTTP_4XX, "HTTP 403: no no"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            Outcome.PROTOCOL_ERROR,
            "HTTP 200: no upgrade to a WebSocket",
        ),
    ],
)
async def test_an_upgrade_that_is_none(said: bytes, outcome: Outcome, why: str) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with serving(script) as url:
        record = await call(url, "openai-realtime")
    assert record.outcome is outcome
    assert why in record.detail


# -- frames and lines over HTTP ----------------------------------------------------------------------------------

GOOD = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hi"}})
AWS = b"application/vnd.amazon.eventstream"
LINES = b"application/x-ndjson"
STREAMS = {
    "a frame that says it is too long": ("bedrock", AWS, GOOD + b"\x00\x20\x00\x00" + bytes(12), "broken answer: "),
    "a frame that says it is too short": ("bedrock", AWS, GOOD + bytes(12), "broken answer: "),
    "a frame with a wrong checksum": ("bedrock", AWS, GOOD[:-1] + bytes([GOOD[-1] ^ 1]), "broken answer: "),
    "a head of a frame with a wrong checksum": ("bedrock", AWS, GOOD[:8] + b"\xff" + GOOD[9:], "broken answer: "),
    "a line without end": (
        "ollama",
        LINES,
        b'{"response":"' + b"x" * (1 << 20),
        "broken answer: a line is longer than",
    ),
    "an event without end": (
        "openai-responses",
        b"text/event-stream",
        b"data: " + b"x" * (1 << 20),
        "broken answer: ",
    ),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_frames_lines_and_events_beyond_their_bounds(name: str) -> None:
    speaks, kind, body, why = STREAMS[name]

    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: 99999999\r\n\r\n%b" % (kind, body))
        await asyncio.sleep(2)

    async with serving(script) as url:
        record = await call(url, speaks)
    assert record.outcome is Outcome.PROTOCOL_ERROR
    assert record.detail.startswith(why)
