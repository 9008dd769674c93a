"""The decoders of framing, events and compression: the same however cut, no exception but DecodeError."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from random import Random

from fuzz_case import Case, Fuzz, bytewise
from fuzz_words import CHUNK_WORDS, SSE_WORDS, chunks, sse, stream

from llmload.errors import DecodeError
from llmload.transport.inflate import RATIO_FREE, RATIO_LIMIT, inflating
from llmload.wire.chunked import ChunkedDecoder
from llmload.wire.sse import SseDecoder

__all__ = ["CHUNKED", "INFLATE", "SSE"]

SSE_BOUND = 96
"""A limit so low that cases reach it."""
BROKEN = "broken"


def same_for_all_cuts(case: Case, run: Callable[[list[bytes]], object]) -> object:
    """What ``run`` makes of the case whole, which must be what it makes of it in any other reads."""
    whole = run([case.data])
    assert run(case.reads) == whole, f"cut: {run(case.reads)!r}, whole: {whole!r}"
    single = run(bytewise(case.data))
    assert single == whole, f"byte by byte: {single!r}, whole: {whole!r}"
    return whole


# -- chunked -------------------------------------------------------------------------------------------------


def _chunked(reads: list[bytes]) -> object:
    decoder = ChunkedDecoder()
    pieces: list[bytes] = []
    try:
        for data in reads:
            if decoder.done:
                return b"".join(pieces), True
            found = decoder.feed(data)
            assert all(found), "an empty piece"
            pieces += found
    except DecodeError:
        return BROKEN
    return b"".join(pieces), decoder.done


_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(;[^\r\n]*)?\r\n")


def _unchunked(data: bytes) -> object:
    """The same by recursion to nothing: RFC 9112, 7.1, as plainly as it can be written."""
    body, at = b"", 0
    while True:
        line = data.find(b"\n", at)
        if line < 0:
            return BROKEN if len(data) - at >= 1024 else (body, False)
        head = _SIZE.fullmatch(data, at, line + 1)
        if head is None or line + 1 - at > 1024:
            return BROKEN
        size, at = int(head[1], 16), line + 1
        if size == 0:
            return body, True
        body += data[at : at + size]
        end = data[at + size : at + size + 2]
        if not b"\r\n".startswith(end):
            return BROKEN
        if len(end) < 2:
            return body, False
        at += size + 2


def check_chunked(case: Case) -> None:
    whole = same_for_all_cuts(case, _chunked)
    assert whole == _unchunked(case.data), f"oracle: {_unchunked(case.data)!r}, decoder: {whole!r}"


# -- events --------------------------------------------------------------------------------------------------


def _events(reads: list[bytes]) -> object:
    decoder = SseDecoder(SSE_BOUND)
    events: list[tuple[bytes, bytes]] = []
    try:
        for data in reads:
            events += decoder.feed(data)
    except DecodeError:
        return BROKEN
    return events, decoder.comments, decoder.pending


_LINE_END = re.compile(rb"\r\n|\n|\r")


def _parsed(data: bytes) -> list[tuple[bytes, bytes]]:
    """The WHATWG rules over the whole stream at once."""
    lines = _LINE_END.split(data.removeprefix(b"\xef\xbb\xbf"))[:-1]
    events, kind, said = [], b"", b""
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if said:
                events.append((kind, said[:-1]))
            kind, said = b"", b""
        elif name == b"data":
            said += value + b"\n"
        elif name == b"event":
            kind = value
    return events


def check_sse(case: Case) -> None:
    whole = same_for_all_cuts(case, _events)
    if whole != BROKEN:
        assert whole[0] == _parsed(case.data)  # type: ignore[index]


# -- compression ---------------------------------------------------------------------------------------------


class _Kept:
    """A Sink that keeps the body."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.whole = False

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    def body(self, t: int, data: bytes) -> None:
        assert 0 < len(data) <= 1 << 18
        self.pieces.append(data)

    def ended(self, t: int) -> None:
        self.whole = True


_CODINGS = ("gzip", "deflate", "x-gzip")


def check_inflate(case: Case) -> None:
    coding = _CODINGS[case.odd % len(_CODINGS)]

    def run(reads: list[bytes]) -> object:
        kept = _Kept()
        sink = inflating(kept, 200, {"content-encoding": coding})  # type: ignore[arg-type]
        try:
            for data in reads:
                sink.body(1, data)
            sink.ended(1)
        except DecodeError:
            assert not kept.whole
            return BROKEN
        assert len(kept.data) <= max(RATIO_FREE, RATIO_LIMIT * len(case.data))
        return kept.data

    whole = same_for_all_cuts(case, run)
    if whole != BROKEN and coding != "deflate" and case.data:
        assert whole == gzip.decompress(case.data)


def _packed(random: Random) -> bytes:
    body = stream(random) * random.choice((1, 1, 9))
    wrapped = random.choice((31, 31, 15, -15))
    pack = zlib.compressobj(random.randint(0, 9), zlib.DEFLATED, wrapped)
    return pack.compress(body) + pack.flush() + (gzip.compress(b"more") if random.random() < 0.1 else b"")


CHUNKED = Fuzz("chunked", lambda random: chunks(random, sse(random)), check_chunked, CHUNK_WORDS, 3, (b"\r\n",))
SSE = Fuzz("sse", sse, check_sse, SSE_WORDS, 4, (b"\n\n", b"\r\n\r\n", b"\r"))
INFLATE = Fuzz(
    "inflate", _packed, check_inflate, [b"\x1f\x8b\x08", b"\x78\x9c", gzip.compress(b""), bytes(9)], 1, (b"\0",)
)
