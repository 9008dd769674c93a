"""Whole HTTP answers through the protocol that takes the stamps, into a real call: the same however they are read.

The oracle is the same bytes in reads so small that no quick way can be taken; for the body it is also ``http.client``.
"""

from __future__ import annotations

import asyncio
import http.client
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from math import isfinite
from random import Random
from typing import Any

from fuzz_case import Case, Fuzz, bytewise, small_reads, spoil
from fuzz_dialect import answer_facts, is_clean, late_stamps, read
from fuzz_words import CHUNK_WORDS, SSE_WORDS, STREAM_WORDS, chunks, error_body, like_events, stream

from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.records import Api, Call, Outcome, Record
from llmload.scenario.plan import Limits
from llmload.transport import handler as handler_module
from llmload.transport.failures import exchange_failure
from llmload.transport.handler import StampingHandler

__all__ = ["EXCHANGE", "RETRY"]

_CALL = Call(0, "c", "t", Api.CHAT, "m", stream=True)
_BROKEN = (Outcome.PROTOCOL_ERROR, Outcome.ERROR_EVENT, Outcome.CONNECT_ERROR, Outcome.TRUNCATED)
_LONG = 2000
"""Bytes that may be read one at a time."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Never run: the protocol only makes futures of it."""
    return asyncio.new_event_loop()


class _Wire(asyncio.Transport):
    """A connection that can only be closed."""

    closing = False

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@contextmanager
def _reading_at(clock: Callable[[], int]) -> Iterator[None]:
    real = handler_module.monotonic_ns
    handler_module.monotonic_ns = clock  # type: ignore[assignment]
    try:
        yield
    finally:
        handler_module.monotonic_ns = real


class _Exchange:
    """One answer, read at given cuts; a read happens at the offset of its last byte."""

    def __init__(self, keep: bool, body_limit: int) -> None:
        self._now = 0
        self._wire = _Wire()
        speaks = dialect("openai")
        self.record = Record(_CALL, 1)
        if keep:
            self.record.answer.text = []
        limits = Deadlines.of(Limits(body=body_limit))
        self._run = CallRun(Prepared(self.record, speaks.request(_CALL), speaks), self, limits, lambda: 1)  # type: ignore[arg-type]
        self._handler = StampingHandler(_loop())
        self._handler.connection_made(self._wire)
        self.reusable = False

    def redact(self, text: str) -> str:
        return text

    def take(self, reads: list[bytes], reset: bool) -> None:
        with _reading_at(lambda: self._now):
            self._run.opened(1, None)
            self._run.sent(1, 1)
            done = self._handler.begin(self._run)
            for data in reads:
                self._now += len(data)
                if not self._wire.closing:
                    self._handler.data_received(data)
            self.reusable = done.done() and not self._handler.should_close and self._handler.is_connected()
            if not done.done():
                self._handler.connection_lost(ConnectionResetError(104, "reset by peer") if reset else None)
            assert done.done(), "the connection is gone and nobody was told"
        error = done.exception()
        if error is not None:
            failed = exchange_failure(error, self._handler.headed)
            assert "llmload failed" not in failed.detail, failed.detail
            self._run.over(failed)
        self._handler.abandon()
        self._run.finish()

    def facts(self) -> dict[str, Any]:
        record = self.record
        assert is_clean(record.detail), repr(record.detail)
        assert isfinite(record.retry_after)
        assert record.retry_after >= 0
        return answer_facts(record.answer) | {
            "outcome": record.outcome,
            "status": record.status,
            "bytes": record.bytes_in,
            "reusable": self.reusable,
        }


def _taken(case: Case, reads: list[bytes]) -> _Exchange:
    # Some with a bound on the body so low that it bites, also where the quick way is taken.
    exchange = _Exchange(keep=case.odd & 48 == 0, body_limit=400 if case.odd & 448 == 0 else 1 << 20)
    exchange.take(reads, reset=bool(case.odd & 512))
    return exchange


def check_exchange(case: Case) -> None:
    if len(case.data) > _LONG:
        case = Case(case.data[:_LONG], case.cuts, case.odd)
    small, exact = small_reads(case)
    single = _taken(case, small)
    plain = single.facts()
    left_over = case.data[single.record.end :] if exact and single.record.end else b""
    if left_over.strip(b"\r\n"):  # empty lines between answers do no harm
        assert not plain["reusable"], f"bytes are left over: {left_over!r}"
    for reads in ([case.data], case.reads):
        found = _taken(case, reads)
        facts = found.facts()
        if plain["outcome"] in _BROKEN or facts["outcome"] in _BROKEN:
            _check_broken(plain, facts)
            continue
        if facts != plain and _only_empty_lines_follow(case):
            facts["reusable"] = plain["reusable"]
        assert facts == plain, f"{reads}\nread at once: {facts}\nin small reads: {plain}"
        if exact:
            late = late_stamps(list(single.record.answer.stamps), reads)
            assert list(found.record.answer.stamps) == late, f"{reads}: {list(found.record.answer.stamps)}, not {late}"
    if single.record.outcome not in _BROKEN and single.record.end and case.odd & 448:
        _check_body(case.data, plain)


def _only_empty_lines_follow(case: Case) -> bool:
    """Line ends after an answer do no harm: whether they cost the connection is all the same."""
    over = case.data[_taken(case, bytewise(case.data)).record.end :]
    return over != b"" and not over.strip(b"\r\n")


def _check_broken(plain: dict[str, Any], facts: dict[str, Any]) -> None:
    """What a read held before the place where it breaks may go unread; that it breaks may not."""
    assert facts["outcome"] in _BROKEN, f"{facts}, byte by byte {plain}"
    assert plain["outcome"] in _BROKEN, f"{facts}, byte by byte {plain}"
    assert facts["status"] == plain["status"] or 0 in (facts["status"], plain["status"])
    if facts["outcome"] in (Outcome.TRUNCATED, Outcome.CONNECT_ERROR) and facts["outcome"] == plain["outcome"]:
        assert facts["chunks"] == plain["chunks"]
        assert facts["bytes"] == plain["bytes"]


class _Once:
    """What http.client takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _plain(answer: http.client.HTTPResponse) -> bool:
    """Whether http.client can be believed: it reads chunks of a 204 too, no coding, and of two headers the first."""
    codings = [coding.strip().lower() for coding in answer.headers.get_all("content-encoding", [])]
    framings = [framing.strip().lower() for framing in answer.headers.get_all("transfer-encoding", [])]
    return answer.status not in (204, 304) and not {*codings} - {"", "identity"} and framings in ([], ["chunked"])


def _check_body(data: bytes, found: dict[str, Any]) -> None:
    """Where http.client reads an answer too, its body says what ours said."""
    answer = http.client.HTTPResponse(_Once(data))  # type: ignore[arg-type]
    try:
        answer.begin()
        body = answer.read()
    except (http.client.HTTPException, ValueError):
        return
    finally:
        answer.close()
    if answer.status != found["status"] or not _plain(answer):
        return
    expected, _ = read(_CALL, [body], found["text"] is not None, answer.status, answer.headers.get("content-type", ""))
    same = ("chunks", "events", "finish", "usage", "text", "error", "outcome", "ended", "tool_calls")
    assert {name: found[name] for name in same} == {name: expected[name] for name in same}, f"http.client: {expected}"


_HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nServer: x\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n",
)
_WORDS = [
    *CHUNK_WORDS, *SSE_WORDS[:12], *STREAM_WORDS[-16:], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1",
    b"Content-Length: 5\r\n", b"\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Connection: close\r\n",
    b"HTTP/1.1 103 E\r\n\r\n", b"200", b"204",
    b"304", b"101", b"Content-Length: -1\r\n", b"X: " + b"y" * 300 + b"\r\n", b" ", b"X:\x00\r\n",
    b"Content-Type: application/json\r\n",
]  # fmt: skip


_HEAD_WORDS = [
    b"\r\n",
    b"\n",
    b"\r",
    b":",
    b" ",
    b"\t",
    b"\x00",
    b"\x7f",
    b"\xff",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2",
    b"http/1.1",
    b" 200 ",
    b"200",
    b"204",
    b"304",
    b"100",
    b"099",
    b"2000",
    b"Content-Length: 3\r\n",
    b"content-length:3\r\n",
    b"Content-Length: +3\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"transfer-encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, Upgrade\r\n",
    b"Upgrade: h2c\r\n",
    b" folded\r\n",
    b"X : y\r\n",
    b": y\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: identity\r\n",
    b"X: \x1b[31m\r\n",
    b"X: \xc5\xbe\r\n",
    b"Retry-After: 5\r\n",
    b"Content-Type: application/json\r\n",
    b"Trailer: X\r\n",
    b"Keep-Alive: timeout=5\r\n",
]


def answer(random: Random) -> bytes:
    """A whole HTTP answer, now and then with bytes after it that nobody asked for."""
    return _answer(random) + (random.choice(_SURPLUS) if random.random() < 0.06 else b"")


def _answer(random: Random) -> bytes:
    if random.random() < 0.12:
        body = error_body(random)
        status = random.choice((b"500 No", b"429 Slow\r\nRetry-After: 3", b"307 Go\r\nLocation: /x"))
        return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    body = random.choice((stream, like_events))(random)
    if random.random() < 0.3:
        body = spoil(random, body, STREAM_WORDS)
    head = random.choice(_HEADS[:1] * 4 + _HEADS)
    if random.random() < 0.25:
        head = spoil(random, head, _HEAD_WORDS)
    if random.random() < 0.8:
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(random, body)
    length = b"Content-Length: %d\r\n" % len(body) if random.random() < 0.6 else b""
    return head + length + b"\r\n" + body


_SURPLUS = (
    b"HTTP/1.1 200 OK\r\nConte",
    b"HTTP/1.1 2",
    b"H",
    b"!",
    _HEADS[0] + b"Content-Length: 3\r\n\r\nabc",
    b"0\r\n\r\n",
)


def check_retry(case: Case) -> None:
    """Whatever stands in Retry-After, what we make of it is a number of seconds somebody could wait."""
    value = case.data.decode("latin-1").replace("\r", "").replace("\n", "")
    exchange = _Exchange(keep=False, body_limit=100)
    exchange._run.head(1, 429, {("retry-after", "retry-after-ms")[case.odd & 1]: value, "content-type": "x"})
    assert isfinite(exchange.record.retry_after)
    assert exchange.record.retry_after >= 0


def _retry(random: Random) -> bytes:
    values = (
        b"%d" % random.randint(-9, 10**6),
        b"1.5",
        b"Wed, 21 Oct 2026 07:28:00 GMT",
        b"inf",
        b"1e400",
        b"nan",
        b"",
    )
    return random.choice(values)


_RETRY_WORDS = [
    b"9" * 400,
    b"e",
    b"-",
    b"inf",
    b"NaN",
    b" GMT",
    b"+0000",
    b"-9999",
    b":",
    b"99999",
    b"_",
    b"\xb2",
    b"0x1",
    b"Feb 30",
]

_SEAMS = (b"\n\n\r\n",) * 5 + (b"\r\n\r\n", b"\r\n", b"\n\n")
EXCHANGE = Fuzz("exchange", answer, check_exchange, _WORDS, 4, _SEAMS, calm=0.65)
RETRY = Fuzz("retry", _retry, check_retry, _RETRY_WORDS, 1, (b" ",))
