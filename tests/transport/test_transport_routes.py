"""Ways to a target: a socket in the file system, proxies with and without a tunnel, headers; on both paths."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sink import Notes
from wire_server import listening, read_request, serving

from llmload.errors import UnreachableError
from llmload.records import Outcome, WireRequest
from llmload.scenario.plan import Target
from llmload.transport.base import CallFailed
from llmload.transport.http import HttpTransport
from llmload.transport.plain import PlainTransport

POST = WireRequest("POST", "chat/completions", (("content-type", "application/json"), ("X-Call", "7")), b'{"a":1}')
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
LOGIN = b"Basic " + base64.b64encode(b"user:pass-word")


@pytest.fixture(params=[HttpTransport, PlainTransport], ids=["direct", "iter_any"])
def path(request: pytest.FixtureRequest) -> type[HttpTransport | PlainTransport]:
    return request.param


@asynccontextmanager
async def carrying(path: type, target: Target) -> AsyncIterator[HttpTransport | PlainTransport]:
    transport = path([target])
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def unix_server(where: Path, heard: list[bytes], connections: list[int]) -> AsyncIterator[None]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        try:
            while True:
                heard.append(await read_request(reader))
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_unix_server(connected, where)
    try:
        yield
    finally:
        server.close()
        await asyncio.sleep(0.01)


async def test_a_socket_in_the_file_system_stands_for_the_host(path, tmp_path: Path) -> None:
    heard: list[bytes] = []
    connections: list[int] = []
    target = Target("main", "http://model.internal/v1", unix_socket=str(tmp_path / "s"), headers={"X-Team": "search"})
    async with unix_server(tmp_path / "s", heard, connections), carrying(path, target) as carry:
        await carry.open({"main": 1})
        await asyncio.sleep(0.05)  # the look whether it is there may have been a connection too
        connections.clear()
        for _ in range(3):
            notes = Notes()
            await carry.exchange("main", POST, notes)
            assert (notes.status, notes.data) == (200, b"{}")
    assert len(connections) <= 1, "connections are reused"
    for request in heard:
        head = request.lower()
        assert head.startswith(b"post /v1/chat/completions http/1.1\r\n")
        assert b"\r\nhost: model.internal\r\n" in head
        assert b"\r\nx-team: search\r\n" in head
        assert b"\r\nx-call: 7\r\n" in head


async def test_a_socket_that_is_not_there_is_unreachable(path, tmp_path: Path) -> None:
    target = Target("main", "http://model.internal/v1", unix_socket=str(tmp_path / "none"))
    async with carrying(path, target) as carry:
        with pytest.raises(UnreachableError, match="connection not made"):
            await carry.open({})
        with pytest.raises(CallFailed) as caught:
            await carry.exchange("main", POST, Notes())
    assert caught.value.outcome is Outcome.CONNECT_ERROR


async def test_plain_http_through_a_proxy_names_the_whole_url_and_logs_in(path) -> None:
    heard: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heard.append(await read_request(reader))
            writer.write(ANSWER)

    async with listening(proxy) as port:
        target = Target("main", "http://far.invalid:8080/v1", proxy=f"http://user:pass-word@127.0.0.1:{port}")
        async with carrying(path, target) as carry:
            await carry.open({})
            for _ in range(2):
                notes = Notes()
                await carry.exchange("main", POST, notes)
                assert notes.status == 200
            assert carry.redact("pass-word") == "***"
    for request in heard:
        lines = request.split(b"\r\n")
        assert lines[0] == b"POST http://far.invalid:8080/v1/chat/completions HTTP/1.1"
        assert b"Host: far.invalid:8080" in lines
        assert b"Proxy-Authorization: " + LOGIN in lines


async def test_a_proxy_that_refuses_the_tunnel_is_told(path) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with listening(proxy) as port:
        target = Target("main", "https://far.invalid/v1", proxy=f"http://127.0.0.1:{port}")
        async with carrying(path, target) as carry:
            with pytest.raises(CallFailed) as caught:
                async with asyncio.timeout(10):
                    await carry.exchange("main", POST, Notes())
    assert caught.value.outcome is Outcome.CONNECT_ERROR
    assert "Proxy Authentication Required" in caught.value.detail


async def test_a_proxy_that_is_not_there_is_unreachable(path) -> None:
    target = Target("main", "http://far.invalid/v1", proxy="http://127.0.0.1:1")
    async with carrying(path, target) as carry:
        with pytest.raises(UnreachableError):
            await carry.open({})


async def test_a_header_of_a_call_goes_before_one_of_the_target(path) -> None:
    heard: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        heard.append(request)
        writer.write(ANSWER)

    async with (
        serving(script) as url,
        carrying(path, Target("main", url, headers={"x-call": "1", "x-b": "2"})) as carry,
    ):
        await carry.exchange("main", POST, Notes())
    named = [line for line in heard[0].split(b"\r\n") if line.lower().startswith(b"x-call")]
    assert named == [b"X-Call: 7"]
