"""The traceparent on the wire: on every path, once, outside of what is signed, and of no request but its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sink import Notes
from wire_server import listening, read_request

from llmload.clock import monotonic_ns
from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.records import Api, Call, Message, Outcome, Record, WireRequest
from llmload.scenario.plan import Auth, Limits, Target
from llmload.sim.server import SimServer
from llmload.sim.spec import SimSpec
from llmload.sim.truth import Truth
from llmload.tracing import Tracing
from llmload.transport.http import HttpTransport
from llmload.transport.lane import Lane, with_trace
from llmload.transport.plain import PlainTransport
from llmload.transport.websocket import SocketTransport

POST = WireRequest("POST", "chat/completions", (("content-type", "application/json"),), b'{"a":1}')
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
TRACES = [Tracing(1, 5).traceparent(index) for index in range(3)]


@pytest.fixture(params=[HttpTransport, PlainTransport], ids=["direct", "iter_any"])
def path(request: pytest.FixtureRequest) -> type[HttpTransport | PlainTransport]:
    return request.param


@asynccontextmanager
async def heard(path: type, **target: object) -> AsyncIterator[tuple[HttpTransport | PlainTransport, list[bytes]]]:
    """A transport, and the requests that its server reads."""
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(ANSWER)

    async with listening(talk) as port:
        transport = path([Target("main", f"http://127.0.0.1:{port}/v1", **target)])
        try:
            yield transport, requests
        finally:
            await transport.close()


def traces_in(request: bytes) -> list[str]:
    return [found.decode() for found in re.findall(rb"(?im)^traceparent: (.*?)\r$", request)]


async def test_each_request_carries_its_own_and_the_sink_is_told(path) -> None:
    async with heard(path) as (transport, requests):
        told = []
        for trace in [*TRACES, ""]:
            notes = Notes()
            await transport.exchange("main", POST, notes, trace)
            told.append(notes.trace)
    assert [traces_in(request) for request in requests] == [[trace] for trace in TRACES] + [[]]
    assert told == [*TRACES, ""]
    assert all(request.endswith(b'\r\n\r\n{"a":1}') for request in requests)


async def test_a_call_that_begins_at_once_carries_its_own() -> None:
    async with heard(HttpTransport) as (transport, requests):
        await transport.exchange("main", POST, Notes())
        over = asyncio.get_running_loop().create_future()
        notes = Notes()
        notes.over = over.set_result
        assert transport.begin("main", POST, notes, TRACES[0]) is not None
        await over
    assert [traces_in(request) for request in requests] == [[], [TRACES[0]]]
    assert notes.trace == TRACES[0]


def lane_of(**target: object) -> Lane:
    return Lane(Target("main", "http://host:81/v1", **target))


@pytest.mark.parametrize("body", [b"", b"x" * 100_000])
async def test_it_is_put_after_the_host_and_nothing_else_changes(body: bytes) -> None:
    lane = lane_of(headers={"X-Team": "search"})
    request = WireRequest("POST", "chat/completions", (), body)
    plain = lane.wire(request)
    traced = with_trace(plain, TRACES[0])
    lines = traced.split(b"\r\n")
    assert lines[:3] == [b"POST /v1/chat/completions HTTP/1.1", b"Host: host:81", b"traceparent: " + TRACES[0].encode()]
    assert b"\r\n".join(lines[:2] + lines[3:]) == plain
    assert lane.wire(request) is plain, "the kept bytes stay as they are, for all calls"


async def test_a_signature_leaves_it_out(path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies may rewrite a traceparent on the way, and what they changed would no longer fit the signature."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    async with heard(path, auth=Auth("aws", region="eu-west-1", service="bedrock")) as (transport, requests):
        await transport.exchange("main", POST, Notes(), TRACES[0])
    assert traces_in(requests[0]) == [TRACES[0]]
    signed = re.search(rb"SignedHeaders=([^,]*)", requests[0])
    assert signed is not None
    assert b"traceparent" not in signed[1]


async def test_a_socket_carries_that_of_the_call_it_was_opened_for() -> None:
    """A call on a socket that was open already has no head of its own, and says so."""
    truths: list[Truth] = []
    speaks = dialect("openai-realtime", {"socket": "kept"})
    async with SimServer(SimSpec(), log=truths.append) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        transport = SocketTransport([Target("main", url, dialect="openai-realtime", options={"socket": "kept"})])
        records = []
        for index, trace in enumerate(TRACES):
            messages = (Message("user", "Hello"),)
            call = Call(index, "c", "main", Api.CHAT, "sim-model", True, messages, max_tokens=2)
            prepared = Prepared(Record(call, monotonic_ns()), speaks.request(call), speaks, trace=trace)
            records.append(await CallRun(prepared, transport, Deadlines.of(Limits()), monotonic_ns).run())
        await transport.close()
    assert [record.reused for record in records] == [False, True, True]
    assert [record.trace for record in records] == [truth.traceparent for truth in truths] == [TRACES[0], "", ""]


async def test_what_a_record_says_is_what_the_server_received(path) -> None:
    truths: list[Truth] = []
    speaks = dialect("openai", {})
    async with SimServer(SimSpec(), log=truths.append) as server:
        transport = path([Target("main", f"http://127.0.0.1:{server.port}/v1")])
        records = []
        for index, trace in enumerate([*TRACES, ""]):
            call = Call(index, "c", "main", Api.CHAT, "sim-model", True, (Message("user", "Hello"),), max_tokens=2)
            prepared = Prepared(Record(call, monotonic_ns()), speaks.request(call), speaks, trace=trace)
            records.append(await CallRun(prepared, transport, Deadlines.of(Limits()), monotonic_ns).run())
        await transport.close()
    assert [record.trace for record in records] == [truth.traceparent for truth in truths] == [*TRACES, ""]
    assert [record.request_id for record in records] == [truth.id for truth in truths]


async def test_a_call_without_a_connection_carried_nothing(path) -> None:
    async with listening(_silent) as port:
        pass
    call = Call(0, "c", "main", Api.CHAT, "m", True, (Message("user", "Hello"),))
    speaks = dialect("openai", {})
    transport = path([Target("main", f"http://127.0.0.1:{port}/v1")])
    prepared = Prepared(Record(call, monotonic_ns()), speaks.request(call), speaks, trace=TRACES[0])
    record = await CallRun(prepared, transport, Deadlines.of(Limits()), monotonic_ns).run()
    await transport.close()
    assert (record.outcome, record.trace) == (Outcome.CONNECT_ERROR, "")


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
