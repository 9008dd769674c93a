"""WebSockets on real sockets: against the simulator, the ``websockets`` package, and what is hostile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from wire_server import serving

from llmload.clock import NS, monotonic_ns
from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.errors import UnreachableError
from llmload.recipes import Pattern, SocketRecipe
from llmload.records import Api, Call, Outcome, Record
from llmload.scenario.plan import Auth, Limits, Target
from llmload.sim.server import SimServer
from llmload.sim.spec import SimSpec, parse_fault
from llmload.transport.choice import open_transport

TEXT = Pattern.of('{"id": "{{index}}-{{message}}"}')
RECIPE = SocketRecipe(Pattern.of("/ws"), (), TEXT, messages=5, timeout=0.3)


async def talk(url: str, recipe: SocketRecipe = RECIPE, **target: object) -> Record:
    transport, _ = open_transport([Target("main", url, dialect="websocket", **target)])  # type: ignore[arg-type]
    assert transport.path == "websocket"
    call = Call(3, "c", "main", Api.SOCKET, "", recipe=recipe)
    speaks = dialect("websocket")
    try:
        prepared = Prepared(Record(call, monotonic_ns()), speaks.request(call), speaks)
        return await CallRun(prepared, transport, Deadlines.of(Limits(total=5)), monotonic_ns).run()
    finally:
        await transport.close()


async def talk_to_simulator(spec: SimSpec, recipe: SocketRecipe = RECIPE, **target: object) -> Record:
    async with SimServer(spec) as server:
        return await talk(f"http://127.0.0.1:{server.port}", recipe, **target)


@asynccontextmanager
async def another(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_messages_are_answered_and_timed() -> None:
    record = await talk_to_simulator(SimSpec())
    assert (record.outcome, record.detail, record.status) == (Outcome.OK, "", 101)
    answer = record.answer
    assert len(answer.round_trips) == len(answer.stamps) == 5
    assert all(0 < trip < NS for trip in answer.round_trips)
    assert record.dispatched < record.connected <= record.sent < answer.stamps[0]


async def test_messages_at_a_rate_do_not_wait_for_replies() -> None:
    spec = SimSpec().with_faults([parse_fault("slow:first=50ms")])
    record = await talk_to_simulator(spec, SocketRecipe(Pattern.of("/ws"), (), TEXT, 5, every=0.01, timeout=2))
    assert record.outcome is Outcome.OK
    assert min(record.answer.round_trips) >= 50_000_000


async def test_a_socket_is_held() -> None:
    record = await talk_to_simulator(SimSpec(), SocketRecipe(Pattern.of("/ws"), (), TEXT, 1, hold=0.3))
    assert record.outcome is Outcome.OK
    assert record.end - record.sent >= 0.3 * NS


async def test_a_dropped_socket_is_truncated_with_its_code() -> None:
    spec = SimSpec().with_faults([parse_fault("drop:after=2,reason=bye")])
    record = await talk_to_simulator(spec)
    assert record.outcome is Outcome.TRUNCATED
    assert record.detail == "the server closed the socket with code 1011 (bye)"
    assert len(record.answer.round_trips) == 2


async def test_a_wrong_key_is_a_status_and_the_right_one_is_sent() -> None:
    spec = SimSpec(keys={"good": {}})  # type: ignore[dict-item]
    refused = await talk_to_simulator(spec)
    assert (refused.outcome, refused.status) == (Outcome.HTTP_4XX, 401)
    assert "Incorrect API key" in refused.detail
    assert (await talk_to_simulator(spec, auth=Auth("named", source="good"))).outcome is Outcome.OK


async def test_replies_in_any_order_are_matched_by_a_field() -> None:
    async def backwards(socket: ServerConnection) -> None:
        held = [await socket.recv() for _ in range(5)]
        await socket.send("unasked")
        for message in reversed(held):
            await asyncio.sleep(0.01)
            await socket.send(message)
        await socket.wait_closed()

    recipe = SocketRecipe(Pattern.of("/"), (), TEXT, 5, every=0.001, match=("id",), timeout=2)
    async with another(backwards) as url:
        record = await talk(url, recipe)
    assert record.outcome is Outcome.OK
    assert list(record.answer.round_trips) == sorted(record.answer.round_trips)
    assert (record.answer.events, len(record.answer.stamps)) == (6, 5)


async def test_a_reply_that_never_comes_is_missed() -> None:
    async def mute(socket: ServerConnection) -> None:
        await socket.send(await socket.recv())
        await socket.wait_closed()

    async with another(mute) as url:
        record = await talk(url)
    assert (record.outcome, record.detail) == (Outcome.TRUNCATED, "4 of 5 messages had no reply")


async def test_the_other_side_sees_a_proper_client() -> None:
    seen: list[object] = []

    async def look(socket: ServerConnection) -> None:
        async for message in socket:
            seen.append(message)
            await (await socket.ping())
            await socket.send([b"in ", b"parts"])
        seen.append(socket.close_code)

    async with another(look) as url:
        assert (await talk(url)).outcome is Outcome.OK
        await asyncio.sleep(0.05)
    assert seen == [*(f'{{"id": "3-{n}"}}' for n in range(5)), 1000]


async def test_another_client_is_answered_by_the_simulator() -> None:
    spec = SimSpec()
    async with SimServer(spec) as server, connect(f"ws://127.0.0.1:{server.port}/ws") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        await socket.send(b"\x00\xff")
        assert await socket.recv() == b"\x00\xff"


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "outcome", "why"),
    [
        (b"", Outcome.CONNECT_ERROR, "connection closed before any answer"),
        (b"SSH-2.0-x\r\n\r\n", Outcome.PROTOCOL_ERROR, "not HTTP"),
        (b"x" * 20_000, Outcome.PROTOCOL_ERROR, "a head without end"),
        (SWITCHING, Outcome.PROTOCOL_ERROR, "not answered with its key"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", Outcome.HTTP_503, "no"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", Outcome.PROTOCOL_ERROR, "no upgrade"),
    ],
)
async def test_a_hostile_handshake(said: bytes, outcome: Outcome, why: str) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with serving(script) as url:
        record = await talk(url.removesuffix("/v1"))
    assert record.outcome is outcome
    assert why in record.detail


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"])
async def test_garbage_in_place_of_frames(garbage: bytes) -> None:
    async def spoil(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.write(garbage)
        await socket.wait_closed()

    async with another(spoil) as url:
        record = await talk(url)
    assert record.outcome is Outcome.PROTOCOL_ERROR
    assert record.detail.startswith("broken answer: ")


async def test_a_lost_connection_is_truncated() -> None:
    async def lose(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async with another(lose) as url:
        record = await talk(url)
    assert record.outcome is Outcome.TRUNCATED


async def test_nobody_there() -> None:
    transport, _ = open_transport([Target("main", "http://127.0.0.1:1", dialect="websocket")])
    with pytest.raises(UnreachableError):
        await transport.open({})
    await transport.close()
