"""The shortcut must be invisible but for its speed: what it takes is what decoding would have found."""

from __future__ import annotations

import asyncio
from array import array
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.clock import DUE, NEVER, monotonic_ns
from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.records import Api, Call, Record
from llmload.scenario.plan import Limits
from llmload.transport.handler import StampingHandler
from llmload.transport.memory import MemoryTransport
from llmload.transport.shortcut import LONGEST, is_word, shortcut

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(payload: bytes, digits: str = "x") -> bytes:
    return format(len(payload), digits).encode() + b"\r\n" + payload + b"\r\n"


def event(word: bytes, identity: str = "c1", finish: bytes = b"null") -> bytes:
    return b'data: {"id":"%s","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}\n\n' % (
        identity.encode(),
        word,
        finish,
    )


class Counted(CallRun):
    """A call that knows how many pieces of body it was handed."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.pieces = 0

    def body(self, t: int, data: bytes) -> None:
        self.pieces += 1
        super().body(t, data)


def carry(reads: list[bytes], decoded: bool = False, limit: int = 1 << 24) -> Counted:
    """A call whose answer arrives in these reads; ``decoded``: without the shortcut."""
    call = Call(0, "c", "t", Api.CHAT, "m", stream=True)
    speaks = dialect("openai")
    prepared = Prepared(Record(call, 1), speaks.request(call), speaks)
    run = Counted(prepared, MemoryTransport(None, monotonic_ns), Deadlines.of(Limits(body=limit)), monotonic_ns)  # type: ignore[arg-type]
    if decoded:
        run.template = lambda: None  # type: ignore[method-assign, assignment]

    async def exchange() -> None:
        handler = StampingHandler(asyncio.get_running_loop())
        handler.connection_made(asyncio.Transport({"ssl_object": object()}))
        handler.force_close = lambda: None  # type: ignore[method-assign]
        done = handler.begin(run)
        for read in reads:
            handler.data_received(read)
            if done.done():
                break
        if not done.done():
            handler.connection_lost(None)
        try:
            await done
        except Exception as error:
            run.record.detail = repr(error)

    asyncio.run(exchange())
    return run


def seen(run: CallRun) -> dict[str, object]:
    """All that a call found out, but for the times."""
    answer, record = run.record.answer, run.record
    found = {name: getattr(answer, name) for name in answer.__slots__ if name not in ("stamps", "usage")}
    times = {name: bool(found[name]) for name in ("first_event", "first_output")}
    return {**found, **times, "chunks": len(answer.stamps), "size": record.bytes_in, "why": record.detail}


@pytest.mark.parametrize("digits", ["x", "X"])
def test_a_stream_of_like_chunks_is_decoded_but_for_its_beginning_and_end(digits: str) -> None:
    words = [b" word%d" % (n % 50) for n in range(200)]
    events = [chunk(event(word), digits) for word in words]
    run = carry([HEAD, *events, chunk(event(b"", finish=b'"stop"')) + END])
    assert len(run.record.answer.stamps) == 200
    assert run.pieces < 5
    assert run.record.answer.events == 201
    assert run.record.bytes_in == sum(len(event(word)) for word in words) + len(event(b"", finish=b'"stop"'))
    assert run.record.answer.finish == "stop"
    assert list(run.record.answer.stamps) == sorted(run.record.answer.stamps)


def test_reads_of_several_chunks_are_taken_with_one_stamp_each() -> None:
    events = [chunk(event(b" word%d" % n)) for n in range(90)]
    reads = [b"".join(events[start : start + 3]) for start in range(0, 90, 3)]
    run = carry([HEAD, events[0], *reads, END])
    assert len(run.record.answer.stamps) == 91
    assert run.pieces < 5
    assert len(set(run.record.answer.stamps)) <= 31


def test_what_follows_like_chunks_in_the_same_read_is_decoded() -> None:
    reads = [HEAD, *(chunk(event(b" a%d" % n)) for n in range(5))]
    last = chunk(event(b" z")) + chunk(event(b" end", finish=b'"stop"')) + chunk(b"data: [DONE]\n\n") + END
    run = carry([*reads, last])
    assert len(run.record.answer.stamps) == 7
    assert (run.record.answer.finish, run.record.answer.ended) == ("stop", True)


def test_a_chunk_whose_size_line_lies_is_not_taken() -> None:
    good = [chunk(event(b" a%d" % n)) for n in range(5)]
    lying = good[0].replace(b"\r\n", b"0\r\n", 1)
    run = carry([HEAD, *good, lying, END])
    assert len(run.record.answer.stamps) < 7
    assert run.record.end == 0


def test_the_bound_on_the_body_holds() -> None:
    reads = [HEAD, *(chunk(event(b" a%d" % (n % 9))) for n in range(100))]
    run = carry(reads, limit=3000)
    assert run.record.bytes_in <= 3000 + len(event(b" a1"))
    assert "limits.body" in run.record.detail


@pytest.mark.parametrize("word", [b"", b'","x":"', b"\n", b"\xff", b"\\", b'\\"' * 3 + b'"'])
def test_what_is_no_string_or_an_empty_one_is_no_word(word: bytes) -> None:
    assert not is_word(word)
    assert not is_word(word)


WORDS = st.one_of(
    st.text(max_size=8).map(lambda text: orjson.dumps(text)[1:-1]),
    st.sampled_from([b"", b" the", b'","finish_reason":"stop', b"\\u0041", b"\\", b"\x01", b"\xff", b'"}}]}\n\n']),
)
ODD = st.one_of(
    st.just(b": ping\n\n"),
    st.just(b"data: [DONE]\n\n"),
    st.builds(lambda word: event(word, "c2"), WORDS),
    st.builds(lambda word: event(word, finish=b'"stop"'), WORDS),
    st.binary(min_size=1, max_size=12),
)
PAYLOADS = st.lists(
    st.one_of(WORDS.map(event), WORDS.map(event), WORDS.map(event), st.tuples(WORDS, WORDS).map(
        lambda two: event(two[0]) + event(two[1])), ODD), max_size=25
)  # fmt: skip


@given(PAYLOADS, st.sampled_from(["x", "X", "04x"]), st.lists(st.integers(0, 5000), max_size=12), st.booleans())
def test_whatever_comes_the_shortcut_finds_what_decoding_finds(
    payloads: list[bytes], digits: str, cuts: list[int], whole: bool
) -> None:
    chunks = [chunk(payload, digits) for payload in [event(b" a"), event(b" b"), *payloads]]
    if whole:
        reads = [HEAD, *chunks, END]
    else:
        body = HEAD + b"".join(chunks) + END
        edges = [0, *sorted(cut % len(body) for cut in cuts), len(body)]
        reads = [body[a:b] for a, b in pairwise(edges) if a < b]
    assert seen(carry(reads)) == seen(carry(reads, decoded=True))


def test_a_read_that_is_not_one_chunk_gives_no_shortcut() -> None:
    template = (b"data: a", b"b\n\n", 9, slice(0))
    stamps: array[int] = array("q")
    assert shortcut(chunk(b"data: a.b\n\n"), template, stamps, 100) is not None
    assert shortcut(chunk(b"data: a.b\n\n") * 2, template, stamps, 100) is None
    assert shortcut(b"00" + chunk(b"data: a.b\n\n"), template, stamps, 100) is None
    assert shortcut(chunk(b"x" * LONGEST), template, stamps, 100) is None


def test_a_call_that_is_due_while_others_are_read_does_not_wait_behind_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rings: list[int] = []

    def ring() -> None:
        DUE.at = NEVER
        rings.append(monotonic_ns())

    monkeypatch.setattr(DUE, "ring", ring)
    monkeypatch.setattr(DUE, "at", monotonic_ns())
    run = carry([HEAD, *(chunk(event(b" a%d" % n)) for n in range(5)), END])
    assert len(rings) == 1
    assert rings[0] <= run.record.answer.stamps[0]
