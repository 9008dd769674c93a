"""Compressed bodies: what comes out is what went in, in small steps, and no more than is reasonable."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from sink import Notes

from llmload.errors import DecodeError
from llmload.transport.inflate import RATIO_FREE, RATIO_LIMIT, inflating

BODY = b'data: {"choices": [{"delta": {"content": "hello"}}]}\n\n' * 500


def inflated(data: bytes, coding: str = "gzip", step: int = 100, status: int = 200) -> Notes:
    notes = Notes()
    sink = inflating(notes, status, {"content-encoding": coding})
    for at in range(0, len(data), step):
        sink.body(at, data[at : at + step])
    sink.ended(len(data))
    return notes


def test_a_plain_answer_keeps_its_sink() -> None:
    notes = Notes()
    assert inflating(notes, 200, {}) is notes
    assert inflating(notes, 200, {"content-encoding": " Identity "}) is notes


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
    ],
    ids=["gzip", "in capitals", "two members", "deflate", "deflate without header"],
)
def test_what_comes_out_is_what_went_in(coding: str, data: bytes, step: int) -> None:
    notes = inflated(data, coding, step)
    assert notes.data == BODY
    assert notes.ended_at == len(data)


def test_stamps_are_those_of_the_reads() -> None:
    pack = zlib.compressobj(wbits=31)
    first = pack.compress(b"one") + pack.flush(zlib.Z_SYNC_FLUSH)
    second = pack.compress(b"two") + pack.flush()
    notes = Notes()
    sink = inflating(notes, 200, {"content-encoding": "gzip"})
    sink.body(5, first)
    sink.body(9, second)
    assert notes.pieces == [(5, b"one"), (9, b"two")]


def test_a_bomb_is_given_up_before_it_grows() -> None:
    notes = Notes()
    sink = inflating(notes, 200, {"content-encoding": "gzip"})
    with pytest.raises(DecodeError, match="bomb"):
        sink.body(1, gzip.compress(bytes(64 << 20)))
    assert RATIO_FREE // 2 < len(notes.data) < 8 << 20


def test_what_is_only_repetitive_is_no_bomb() -> None:
    pick = random.Random(1)
    body = b"".join(b'data: {"delta": {"content": "%d"}}\n\n' % pick.randrange(10**6) for _ in range(100_000))
    assert RATIO_FREE < len(body) < RATIO_LIMIT * len(gzip.compress(body))
    assert inflated(gzip.compress(body), step=50_000).data == body


def test_a_body_of_no_bytes_is_whole() -> None:
    assert inflated(b"").data == b""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(BODY)[:-1], "ends inside"),
        (b"no gzip at all", "not the gzip"),
        (gzip.compress(BODY) + b"more", "not the gzip"),
        (gzip.compress(b"") * 65, "more than 64"),
    ],
    ids=["cut short", "something else", "bytes after it", "many members"],
)
def test_what_is_broken_is_told(data: bytes, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        inflated(data)


def test_a_coding_that_is_not_read_ends_an_answer_and_leaves_an_error_its_status() -> None:
    with pytest.raises(DecodeError, match="compressed \\('br'\\)"):
        inflated(b"x", "br")
    assert inflated(b"x", "br", status=502).pieces == []
