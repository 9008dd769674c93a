"""What the direct path relies on in aiohttp, and what it promises: pinned on real sockets, for both paths."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest
from sink import Notes
from wire_server import chunked, serving

from llmload.errors import UnreachableError
from llmload.records import Outcome, WireRequest
from llmload.scenario.plan import Target
from llmload.transport.base import CallFailed
from llmload.transport.choice import broken_promises, open_transport
from llmload.transport.handler import StampingHandler
from llmload.transport.http import HttpTransport
from llmload.transport.plain import PlainTransport

POST = WireRequest("POST", "chat/completions", (("Content-Type", "application/json"),), b'{"a":1}')
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SSE = b'data: {"n": 1}\n\n'


@pytest.fixture(params=[HttpTransport, PlainTransport], ids=["direct", "iter_any"])
async def carry(request: pytest.FixtureRequest) -> AsyncIterator[object]:
    opened = []

    def make(url: str, **more: object) -> HttpTransport | PlainTransport:
        transport = request.param([Target("main", url, **more)])
        opened.append(transport)
        return transport

    yield make
    for transport in opened:
        await transport.close()


async def exchange(transport: object, notes: Notes | None = None) -> Notes:
    notes = notes or Notes()
    await transport.exchange("main", POST, notes)  # type: ignore[attr-defined]
    return notes


def test_the_installed_aiohttp_keeps_its_promises() -> None:
    assert broken_promises() == []


async def test_the_direct_path_is_chosen() -> None:
    transport, why = open_transport([Target("main", "http://127.0.0.1:1/v1")])
    assert (transport.path, why) == ("direct", "")
    await transport.close()


async def test_a_chunked_stream_arrives_whole_whatever_the_reads(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        answer = HEAD + chunked(SSE, SSE * 3, b": ping\n\n", SSE)
        for start in range(0, len(answer), 7):
            writer.write(answer[start : start + 7])
            await asyncio.sleep(0)

    async with serving(script) as url:
        notes = await exchange(carry(url))
    assert notes.status == 200
    assert notes.headers["CONTENT-type"] == "text/event-stream"
    assert notes.data == SSE * 4 + b": ping\n\n" + SSE
    assert notes.ended_at >= notes.pieces[-1][0]


async def test_head_and_body_in_one_read(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(SSE, SSE))

    async with serving(script) as url:
        transport = carry(url)
        first, second = await exchange(transport), await exchange(transport)
    assert first.data == second.data == SSE * 2


async def test_connections_are_reused_after_a_whole_answer(carry) -> None:
    ports = []

    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(HEAD + chunked(SSE))

    async with serving(script) as url:
        transport = carry(url)
        for _ in range(3):
            await exchange(transport)
    assert len(set(ports)) == 1


async def test_a_dial_is_reported_once_and_reuse_as_none() -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(SSE))

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])
        notes = await exchange(transport)
        await exchange(transport, notes)
        assert transport.opened == 1
        await transport.close()
    first, second = notes.dials
    assert first is not None
    assert first.tcp > 0
    assert first.tls == 0
    assert second is None


async def test_stamps_are_taken_when_reads_happen_not_when_tasks_wake() -> None:
    """The loop is blocked right after each read is delivered; the stamps don't show it."""
    blocked = 0.03

    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for _ in range(3):
            writer.write(chunked(SSE, end=False))
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(b"0\r\n\r\n")

    class Blocking(Notes):
        def body(self, t: int, data: bytes) -> None:
            super().body(t, data)
            asyncio.get_running_loop().call_soon(time.sleep, blocked)

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])
        notes = await exchange(transport, Blocking())
        await transport.close()
    assert len(notes.pieces) == 3
    assert notes.ended_at == pytest.approx(notes.pieces[-1][0], abs=200_000_000)


async def test_a_body_of_known_length(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(b"56789")

    async with serving(script) as url:
        assert (await exchange(carry(url))).data == b"0123456789"


async def test_an_empty_body(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with serving(script) as url:
        notes = await exchange(carry(url))
    assert (notes.status, notes.data) == (204, b"")
    assert notes.ended_at > 0


async def test_a_body_that_lasts_until_the_connection_closes(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it")
        writer.close()

    async with serving(script) as url:
        assert (await exchange(carry(url))).data == b"all of it"


async def test_a_compressed_body_though_none_was_asked_for(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        packed = gzip.compress(SSE * 50)
        writer.write(
            HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + chunked(packed[:20], packed[20:])
        )

    async with serving(script) as url:
        assert (await exchange(carry(url))).data == SSE * 50


async def test_interim_answers_are_passed_over(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HEAD + chunked(SSE))

    async with serving(script) as url:
        notes = await exchange(carry(url))
    assert (notes.status, notes.data) == (200, SSE)


async def test_redirects_are_not_followed(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    async with serving(script) as url:
        assert (await exchange(carry(url))).status == 307


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"", Outcome.CONNECT_ERROR),
        (b"HTTP/1.1 200 O", Outcome.CONNECT_ERROR),
        (HEAD, Outcome.TRUNCATED),
        (HEAD + chunked(SSE, SSE, end=False), Outcome.TRUNCATED),
        (HEAD + b"10\r\nhalf", Outcome.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123", Outcome.TRUNCATED),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Outcome.PROTOCOL_ERROR),
        (HEAD + b"zz\r\nnonsense\r\n", Outcome.PROTOCOL_ERROR),
    ],
    ids=["nothing", "half a head", "head only", "two chunks", "half a chunk", "short body", "not http", "bad chunk"],
)
async def test_broken_answers_are_classified(answer: bytes, outcome: Outcome) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])
        with pytest.raises(CallFailed) as failed:
            await exchange(transport)
        await transport.close()
    assert failed.value.outcome == outcome


async def test_a_reset_inside_the_answer_is_truncation(carry) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(SSE, end=False))
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()

    async with serving(script) as url:
        with pytest.raises(CallFailed) as failed:
            await exchange(carry(url))
    assert failed.value.outcome == Outcome.TRUNCATED


async def test_a_sink_that_gives_up_ends_the_call_and_the_connection() -> None:
    ports = []

    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(HEAD)
        for _ in range(5):
            writer.write(chunked(SSE, end=False))
            await writer.drain()
            await asyncio.sleep(0.005)
        writer.write(b"0\r\n\r\n")

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])
        notes = Notes()
        notes.give_up_after = 2
        with pytest.raises(CallFailed) as failed:
            await exchange(transport, notes)
        await exchange(transport)
        await transport.close()
    assert failed.value.outcome == Outcome.PROTOCOL_ERROR
    assert len(notes.pieces) == 2
    assert len(set(ports)) == 2


async def test_cancelling_closes_the_connection(carry) -> None:
    closed = asyncio.Event()

    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(SSE, end=False))
        await writer.drain()
        try:
            while True:
                await asyncio.sleep(0.01)
                writer.write(chunked(b": ping\n\n", end=False))
                await writer.drain()
        except ConnectionError:
            closed.set()
            raise

    async with serving(script) as url:
        task = asyncio.create_task(exchange(carry(url)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await closed.wait()


async def test_many_small_chunks_never_pause_the_connection() -> None:
    """aiohttp pauses a transport after ``limit // 16`` HTTP chunks nobody has read."""
    count = 60_000

    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(*[b"x"] * count))

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])
        notes = await exchange(transport)
        await transport.close()
    assert len(notes.data) == count


async def test_nobody_listening_is_unreachable(carry) -> None:
    with pytest.raises(UnreachableError, match="main"):
        await carry("http://127.0.0.1:1/v1").open({"main": 2})


async def test_connections_are_opened_ahead() -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(HEAD + chunked(SSE))

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])
        await transport.open({"main": 20})
        assert transport.opened == 20
        all_notes = await asyncio.gather(*(exchange(transport) for _ in range(20)))
        assert transport.opened == 20
        await transport.close()
    assert all(notes.dials == [None] for notes in all_notes)


async def test_the_handler_is_what_the_connector_makes() -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(SSE))

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])
        connection, handler, dial = await transport._lanes["main"].dialler.acquire()
        assert type(handler) is StampingHandler
        assert dial is not None
        connection.close()
        await transport.close()
