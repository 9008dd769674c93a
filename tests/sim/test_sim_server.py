"""The service on real sockets: what each fault looks like on the wire, and what the truth log says about it."""

from __future__ import annotations

import asyncio
import io
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import orjson
import pytest

from llmload.errors import UsageError
from llmload.sim.process import SimProcess
from llmload.sim.server import SimServer
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem, tag
from llmload.sim.truth import Truth

FAST = {"first_token": "5ms", "step": "2ms", "answer": "max"}
FAULTS = {
    "error": {"kind": "error", "status": 529},
    "slow": {"kind": "slow", "first": "200ms"},
    "stall": {"kind": "stall", "after": 3, "ping": "20ms"},
    "pause": {"kind": "stall", "after": 3, "pause": "200ms"},
    "reset": {"kind": "reset"},
    "reset-headers": {"kind": "reset", "at": "headers"},
    "reset-tokens": {"kind": "reset", "at": "tokens", "after": 3},
    "truncate": {"kind": "truncate", "after": 3},
    "truncate-done": {"kind": "truncate", "after": 3, "done": True},
    "truncate-cut": {"kind": "truncate", "after": 3, "clean": False},
    "error-event": {"kind": "error-event", "after": 3},
    "malformed": {"kind": "malformed", "after": 3},
    "cross-talk": {"kind": "cross-talk", "after": 3},
    "empty": {"kind": "empty"},
    "hang": {"kind": "hang"},
    "rate-limit-500": {"kind": "rate-limit-500"},
}
"""One key for each fault, so that one server shows them all."""


@dataclass
class Seen:
    """What came over the socket until it ended: by EOF, a reset, or our patience."""

    data: bytes
    how: str
    id: str

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1]) if self.data else 0

    @property
    def whole(self) -> bool:
        """The chunked body was properly ended."""
        return self.data.endswith(b"0\r\n\r\n")

    @property
    def tokens(self) -> int:
        return self.data.count(b' "},"logprobs"')


class Wire:
    def __init__(self, port: int) -> None:
        self._port = port
        self._count = 0

    def ask(self, key: str, *, stream: bool = True, patience: float = 5.0, until: bytes = b"\0") -> Seen:
        """Send a chat of 8 tokens; ``until`` these bytes came, or for as long as there is something to read."""
        self._count += 1
        name = f"{key}-{self._count}"
        body = orjson.dumps(_chat(8, stream))
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nX-Request-Id: {name}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
            connection.sendall(head.encode() + body)
            connection.settimeout(patience)
            data = b""
            try:
                while until not in data and (piece := connection.recv(1 << 16)):
                    data += piece
            except ConnectionResetError:
                return Seen(data, "reset", name)
            except TimeoutError:
                return Seen(data, "silence", name)
        return Seen(data, "left" if until in data else "eof", name)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    keys = {"fine": {}, **{name: {"rate": "1/h"} if name == "rate-limit-500" else {} for name in FAULTS}}
    faults = [{**fault, "key": name} for name, fault in FAULTS.items()]
    with SimProcess(SimSpec.model_validate({**FAST, "keys": keys, "faults": faults})) as sim:
        yield Wire(sim.port)


def test_a_good_stream_is_whole(wire: Wire):
    seen = wire.ask("fine")
    assert (seen.status, seen.how, seen.whole, seen.tokens) == (200, "eof", True, 8)
    assert b"transfer-encoding: chunked\r\n" in seen.data
    assert b"data: [DONE]\n\n" in seen.data


def test_error_is_a_status_even_one_without_a_name(wire: Wire):
    seen = wire.ask("error")
    assert seen.data.startswith(b"HTTP/1.1 529 \r\n")
    assert b'"error"' in seen.data


def test_slow_is_late(wire: Wire):
    began = time.monotonic()
    assert wire.ask("slow").whole
    assert time.monotonic() - began >= 0.2


def test_a_stall_keeps_the_connection_and_pings(wire: Wire):
    seen = wire.ask("stall", until=b": ping\n\n\r\n8\r\n: ping\n\n")
    assert (seen.how, seen.tokens, seen.whole) == ("left", 3, False)


def test_a_pause_ends_and_the_stream_is_whole(wire: Wire):
    began = time.monotonic()
    seen = wire.ask("pause")
    assert (seen.tokens, seen.whole) == (8, True)
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    ("key", "status", "tokens"), [("reset", 0, 0), ("reset-headers", 200, 0), ("reset-tokens", 200, 3)]
)
def test_resets_reset(wire: Wire, key: str, status: int, tokens: int):
    seen = wire.ask(key)
    assert (seen.how, seen.status, seen.tokens) == ("reset", status, tokens)


@pytest.mark.parametrize(
    ("key", "whole", "done"), [("truncate", True, False), ("truncate-done", True, True), ("truncate-cut", False, False)]
)
def test_truncated_streams_end_in_three_ways(wire: Wire, key: str, whole: bool, done: bool):
    seen = wire.ask(key)
    assert (seen.how, seen.tokens, seen.whole, b"[DONE]" in seen.data) == ("eof", 3, whole, done)
    assert b'"finish_reason":"' not in seen.data


def test_an_error_event_is_in_a_200_stream(wire: Wire):
    seen = wire.ask("error-event")
    assert (seen.status, seen.tokens, seen.whole) == (200, 3, True)
    assert b'data: {"error":{' in seen.data


def test_a_malformed_frame_is_cut_short(wire: Wire):
    seen = wire.ask("malformed")
    assert (seen.tokens, seen.whole) == (7, True)


def test_cross_talk_shows_in_the_tags(wire: Wire):
    seen = wire.ask("cross-talk")
    assert seen.data.count(f".{tag(seen.id)}.0.".encode()) == 5
    assert seen.tokens == 8


def test_empty_is_an_event_stream_without_events(wire: Wire):
    seen = wire.ask("empty")
    assert (seen.status, seen.whole) == (200, True)
    assert b"data:" not in seen.data


def test_a_hang_says_nothing(wire: Wire):
    seen = wire.ask("hang", patience=0.2)
    assert (seen.data, seen.how) == (b"", "silence")


def test_a_broken_limiter_says_500(wire: Wire):
    assert [wire.ask("rate-limit-500").status for _ in range(2)] == [200, 500]


def test_whole_bodies_are_broken_too(wire: Wire):
    cut = wire.ask("truncate-cut", stream=False)
    head, _, body = cut.data.partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert (cut.how, cut.status) == ("eof", 200)
    assert 0 < len(body) < promised
    assert wire.ask("reset-headers", stream=False).how == "reset"


# In this process, with the truth at hand.


@asynccontextmanager
async def _serving(**settings: object) -> AsyncIterator[tuple[SimServer, aiohttp.ClientSession, list[Truth]]]:
    truths: list[Truth] = []
    spec = SimSpec.model_validate({**FAST, **settings})
    async with (
        SimServer(spec, log=truths.append) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
    ):
        yield server, session, truths


def _chat(tokens: int = 8, stream: bool = True) -> dict[str, object]:
    return {
        "model": "sim-model",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": stream,
        "max_tokens": tokens,
    }


async def test_tokens_arrive_after_the_time_in_the_truth_log_and_in_order():
    async with _serving() as (_, session, truths):
        arrived: list[int] = []
        async with session.post("/v1/chat/completions", json=_chat(50), headers={"x-request-id": "abc"}) as response:
            async for line in response.content:
                if b'"content":"' in line and b'"role"' not in line:
                    arrived.append(time.monotonic_ns())
        written = truths[0].content.tolist()
        assert len(arrived) == len(written) == 50
        assert all(read >= write for read, write in zip(arrived, written, strict=True))
        assert written == sorted(written)
        assert truths[0].id == "abc"


async def test_many_streams_at_once_are_whole_and_independent():
    async with _serving(slots=100) as (server, session, truths):

        async def one(name: str) -> str:
            async with session.post("/v1/chat/completions", json=_chat(30), headers={"x-request-id": name}) as response:
                words = []
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        words += [choice["delta"].get("content") or "" for choice in orjson.loads(line[6:])["choices"]]
                return integrity_problem("".join(words), tag(name)) or str(len("".join(words).split()))

        assert await asyncio.gather(*(one(f"r{number}") for number in range(60))) == ["30"] * 60
        assert (len(truths), server.service.active) == (60, 0)


async def test_a_client_that_leaves_frees_the_model():
    async with _serving(step="20ms") as (server, session, truths):
        response = await session.post("/v1/chat/completions", json=_chat(1000))
        await response.content.readline()
        waiting = asyncio.create_task(session.post("/v1/chat/completions", json=_chat(1000, stream=False)))
        while server.service.batch.running < 2:
            await asyncio.sleep(0.005)
        response.close()
        waiting.cancel()
        while server.service.active:
            await asyncio.sleep(0.005)
        assert server.service.batch.running == 0
        assert [truth.ended for truth in truths] == ["cancelled"] * 2


async def test_what_is_unfinished_when_the_server_stops_is_logged_as_cancelled():
    async with _serving(faults=[{"kind": "hang"}]) as (server, session, truths):
        hanging = asyncio.create_task(session.post("/v1/chat/completions", json=_chat()))
        while not server.service.active:
            await asyncio.sleep(0.005)
        await server.__aexit__()
        assert [truth.ended for truth in truths] == ["cancelled"]
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_a_connection_is_kept_for_the_next_request():
    async with _serving() as (server, session, _truths):
        for stream in (True, False, True):
            async with session.post("/v1/chat/completions", json=_chat(3, stream)) as response:
                await response.read()
        async with session.get("/v1/models") as response:
            assert response.status == 200
        async with session.post("/v1/nothing", data=b"x") as response:
            assert response.status == 404
        assert len(server._http.connections) == 1


async def test_a_big_body_is_taken_and_expectations_are_met():
    async with _serving(context_window=100_000, embed_prefill=0) as (_, session, __):
        body = {"model": "sim-model", "input": ["word " * 60_000] * 5}
        async with session.post("/v1/embeddings", data=io.BytesIO(orjson.dumps(body)), expect100=True) as response:
            assert response.status == 200
            assert (await response.json())["usage"]["prompt_tokens"] == 5 * 75_000


async def test_a_head_is_answered_without_a_body_and_the_connection_goes_on():
    async with SimServer(SimSpec(**FAST)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for path in (b"/v1", b"/metrics", b"/v1/models"):
            writer.write(b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 ")
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_an_http_1_0_client_gets_a_body_that_ends_with_the_connection():
    async with _serving() as (server, _, __):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = orjson.dumps(_chat(3))
        writer.write(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        data = await reader.read()
        writer.close()
        assert b"chunked" not in data
        assert data.endswith(b"data: [DONE]\n\n")


async def test_bytes_a_slow_reader_leaves_are_kept_for_it_in_order():
    quick = {"step": "20us", "step_per_sequence": 0, "first_token": 0, "context_window": 65_536, "max_tokens": 60_000}
    async with _serving(**quick) as (server, _, truths):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        body = orjson.dumps(_chat(20_000))
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nX-Request-Id: abc\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        while not truths:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(sock=connection)
        data = await reader.read()
        writer.close()
    words = [piece.split(b'"')[0] for piece in data.split(b'"content":"')[2:]]
    assert len(words) == 20_000
    assert integrity_problem(b"".join(words).decode(), tag("abc")) == ""


async def test_a_port_that_is_taken_is_a_users_error():
    async with _serving() as (server, _, __):
        with pytest.raises(UsageError, match="can't listen on"):
            await SimServer(SimSpec(), port=server.port).__aenter__()
