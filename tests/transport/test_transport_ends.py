"""Calls on real connections, at the moments where one ends and another begins."""

from __future__ import annotations

import asyncio

from wire_server import chunked, serving

from llmload.clock import monotonic_ns
from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.records import Api, Call, Outcome, Record
from llmload.scenario.plan import Limits, Target
from llmload.transport.http import HttpTransport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
    b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)
LIMITS = Limits(connect=5, first_token=5, idle=5, total=5)


def prepared() -> Prepared:
    call = Call(0, "c", "main", Api.CHAT, "m", stream=True)
    speaks = dialect("openai")
    return Prepared(Record(call, monotonic_ns()), speaks.request(call), speaks)


async def test_a_call_given_up_as_its_answer_ends_does_not_end_the_next_one_on_its_connection() -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(ANSWER)

    over: list[str] = []
    both = asyncio.Event()

    def note(name: str) -> None:
        over.append(name)
        if len(over) == 2:
            both.set()

    async with serving(script) as url:
        transport = HttpTransport([Target("main", url)])

        class First(CallRun):
            def ended(self, t: int) -> None:
                super().ended(t)
                asyncio.get_running_loop().call_soon(race)

        def call(kind: type[CallRun], name: str) -> CallRun:
            return kind(prepared(), transport, Deadlines.of(LIMITS), monotonic_ns, None, lambda _: note(name))

        def race() -> None:
            second.start()  # on the connection that the first one had to dial and has just put back
            first.give_up(Outcome.TIMEOUT_TOTAL, "its time is over this very moment")

        first, second = call(First, "first"), call(CallRun, "second")
        first.start()
        async with asyncio.timeout(4):
            await both.wait()
        outcomes = [run.finish().outcome for run in (first, second)]
        assert transport.opened == 1
        await transport.close()
    assert sorted(over) == ["first", "second"]
    assert outcomes == [Outcome.OK, Outcome.OK]
