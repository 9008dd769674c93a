"""Realtime sessions on real sockets: against the simulator and the ``websockets`` package, opened per call or kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from llmload.clock import monotonic_ns
from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.records import Answer, Api, Call, Message, Outcome, Record
from llmload.scenario.plan import Auth, Limits, Target
from llmload.sim.server import SimServer
from llmload.sim.spec import SimSpec, parse_fault
from llmload.transport.base import Transport
from llmload.transport.choice import open_transport

QUICK = {"first_token": "5ms", "step": "2ms"}
DONE = '{"type":"response.done","response":{"status":"completed"}}'


class Caller:
    """Makes calls over one transport."""

    def __init__(self, transport: Transport, options: dict[str, str]) -> None:
        self.transport = transport
        self._speaks = dialect("openai-realtime", options)

    async def call(self, tokens: int = 5, limits: Limits = Limits(total=5), **fields: Any) -> Record:  # noqa: B008
        messages = (Message("user", "Hello"),)
        call = Call(0, "c", "main", Api.CHAT, "sim-model", True, messages, max_tokens=tokens, **fields)
        record = Record(call, monotonic_ns())
        record.answer = Answer(keep_text=True)
        prepared = Prepared(record, self._speaks.request(call), self._speaks)
        return await CallRun(prepared, self.transport, Deadlines.of(limits), monotonic_ns).run()


@asynccontextmanager
async def calling(url: str, auth: Auth | None = None, **options: str) -> AsyncIterator[Caller]:
    given = {"auth": auth} if auth else {}
    target = Target("main", url, dialect="openai-realtime", options=options, **given)  # type: ignore[arg-type]
    transport, _ = open_transport([target])
    try:
        yield Caller(transport, options)
    finally:
        await transport.close()


@asynccontextmanager
async def simulated(*faults: str, auth: Auth | None = None, keys: Any = None, **options: str) -> AsyncIterator[Caller]:
    spec = SimSpec.model_validate({**QUICK, "keys": keys or {}}).with_faults([parse_fault(each) for each in faults])
    async with SimServer(spec) as server, calling(f"http://127.0.0.1:{server.port}/v1", auth, **options) as caller:
        yield caller


@asynccontextmanager
async def another(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("version", ["ga", "beta"])
async def test_an_answer_is_stamped_word_by_word_and_counted_by_the_server(version: str) -> None:
    async with simulated(version=version) as caller:
        record = await caller.call(20)
    answer = record.answer
    assert (record.outcome, record.detail, record.status) == (Outcome.OK, "", 101)
    assert len(answer.stamps) == 20
    assert list(answer.stamps) == sorted(answer.stamps)
    assert answer.stamps[0] < answer.stamps[-1]
    assert answer.usage is not None
    assert (answer.usage.output, answer.finish, answer.model) == (20, "max_output_tokens", "sim-model")
    assert record.dispatched < record.connected <= record.sent < answer.stamps[0] <= record.end
    assert record.tcp > 0
    assert not record.reused


async def test_without_further_ado_every_call_has_a_socket_of_its_own() -> None:
    async with simulated() as caller:
        records = [await caller.call() for _ in range(3)]
        assert [record.reused for record in records] == [False] * 3
        assert caller.transport.opened == 3


async def test_kept_sockets_carry_one_call_after_another_and_know_nothing_of_the_last() -> None:
    async with simulated(socket="kept") as caller:
        records = [await caller.call() for _ in range(3)]
        assert [record.outcome for record in records] == [Outcome.OK] * 3
        assert [record.reused for record in records] == [False, True, True]
        assert caller.transport.opened == 1
        inputs = {record.answer.usage.input for record in records if record.answer.usage}
        assert len(inputs) == 1
        assert records[1].dispatched <= records[1].connected <= records[1].sent < records[1].first_content

        together = await asyncio.gather(*(caller.call() for _ in range(4)))
        assert sum(record.reused for record in together) == 1
        assert caller.transport.opened == 4


async def test_sockets_of_other_models_and_headers_are_not_mixed_up() -> None:
    async with simulated(socket="kept") as caller:
        await caller.call()
        assert not (await caller.call(headers={"x-user": "2"})).reused
        assert (await caller.call(headers={"x-user": "2"})).reused
        assert (await caller.call()).reused


@pytest.mark.parametrize(
    ("fault", "outcome", "why"),
    [
        ("error-event:after=2", Outcome.ERROR_EVENT, "The model failed"),
        ("error-event:after=2,named=true", Outcome.ERROR_EVENT, "The model failed"),
        ("error:status=503", Outcome.ERROR_EVENT, "The server had an error"),
        ("truncate:after=2", Outcome.TRUNCATED, "the server closed the socket with code 1000"),
        ("drop:after=2", Outcome.TRUNCATED, "connection closed"),
        ("reset:at=tokens,after=2", Outcome.TRUNCATED, "reset"),
        ("empty:rate=1", Outcome.TRUNCATED, "the server closed the socket with code 1000"),
        ("malformed:after=2", Outcome.PROTOCOL_ERROR, "1 event is not what the API promises"),
        ("stall:after=2", Outcome.TIMEOUT_IDLE, "no content for 300 ms after 2 chunks"),
        ("hang:rate=1", Outcome.TIMEOUT_FIRST_TOKEN, "no content within 300 ms"),
    ],
)
async def test_a_fault_is_called_by_its_name_and_its_socket_not_used_again(
    fault: str, outcome: Outcome, why: str
) -> None:
    async with simulated(f"{fault},headers=x-bad:1", socket="kept") as caller:
        assert (await caller.call()).outcome is Outcome.OK
        limits = Limits(first_token=0.3, idle=0.3, total=5)
        record = await caller.call(limits=limits, headers={"x-bad": "1"})
        assert record.outcome is outcome
        assert why in record.detail
        assert not (await caller.call(limits=limits, headers={"x-bad": "1"})).reused
        assert (await caller.call()).reused


async def test_words_of_another_answer_are_found() -> None:
    fields = {"headers": {"x-request-id": "mine"}, "nonce": "mine", "integrity": "sim"}
    async with simulated("cross-talk:after=2,headers=x-bad:1") as caller:
        assert (await caller.call(**fields)).outcome is Outcome.OK
        await caller.call(headers={"x-request-id": "theirs"})
        record = await caller.call(**{**fields, "headers": {"x-request-id": "mine", "x-bad": "1"}})
    assert record.outcome is Outcome.CORRUPT


async def test_a_wrong_key_is_the_sessions_first_word() -> None:
    async with simulated(keys={"good": {}}) as caller:
        record = await caller.call()
    assert record.outcome is Outcome.ERROR_EVENT
    assert record.detail == "invalid_request_error: Incorrect API key provided. (code invalid_api_key)"
    async with simulated(keys={"good": {}}, auth=Auth("named", source="good")) as caller:
        assert (await caller.call()).outcome is Outcome.OK


async def test_a_rate_limit_is_an_error_event_as_in_any_stream() -> None:
    limited = {"good": {"rate": "1/h"}}
    async with simulated(keys=limited, auth=Auth("named", source="good"), socket="kept") as caller:
        assert (await caller.call()).outcome is Outcome.OK
        record = await caller.call()
    assert record.outcome is Outcome.ERROR_EVENT
    assert "rate_limit_exceeded" in record.detail


async def test_a_user_who_leaves_takes_the_socket_along() -> None:
    async with simulated(socket="kept") as caller:
        assert (await caller.call(100, leave_chunks=3)).outcome is Outcome.CANCELLED
        assert not (await caller.call()).reused


async def test_a_socket_that_was_closed_while_idle_costs_no_call() -> None:
    async def once(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(DONE)
        await socket.send('{"type":"rate_limits.updated"}')
        await socket.close(4000, "expired")

    async with another(once) as url, calling(url, socket="kept") as caller:
        for _ in range(2):
            record = await caller.call()
            assert (record.outcome, record.reused) == (Outcome.OK, False)
            await asyncio.sleep(0.05)


async def test_a_server_that_asks_between_calls_whether_we_live_is_answered() -> None:
    answered: list[float] = []

    async def ask(socket: ServerConnection) -> None:
        async for _ in socket:
            await socket.send(DONE)
            await asyncio.sleep(0.02)
            answered.append(await (await socket.ping()))

    async with another(ask) as url, calling(url, socket="kept") as caller:
        assert (await caller.call()).outcome is Outcome.OK
        await asyncio.sleep(0.1)
        assert len(answered) == 1
        assert (await caller.call()).reused


async def test_garbage_between_calls_ends_the_socket() -> None:
    async def spoil(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(DONE)
        await asyncio.sleep(0.02)
        socket.transport.write(b"\xff\xff\xff\xff")
        await socket.wait_closed()

    async with another(spoil) as url, calling(url, socket="kept") as caller:
        await caller.call()
        await asyncio.sleep(0.1)
        record = await caller.call()
        assert (record.outcome, record.reused) == (Outcome.OK, False)
