"""Chunked framing, for every way to cut the bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.errors import DecodeError
from llmload.wire.chunked import ChunkedDecoder

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
PLACES = st.lists(st.integers(0, 1000), max_size=8)


def encode(payloads: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(payload), payload) for payload in payloads)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(marks)]


def decode(reads: list[bytes]) -> tuple[bytes, bool, bytes]:
    decoder = ChunkedDecoder()
    payload = b"".join(piece for read in reads for piece in decoder.feed(read))
    return payload, decoder.done, decoder.rest


SAMPLES: dict[str, tuple[bytes, tuple[bytes, bool, bytes]]] = {
    "one chunk": (b"5\r\nhello\r\n", (b"hello", False, b"")),
    "the last chunk is left whole": (b"5\r\nhello\r\n0\r\n\r\n", (b"hello", True, b"0\r\n\r\n")),
    "trailers are left too": (b"1\r\nx\r\n0\r\na: b\r\n\r\n", (b"x", True, b"0\r\na: b\r\n\r\n")),
    "what follows the body is left": (b"1\r\nx\r\n0\r\n\r\nHTTP/1.1", (b"x", True, b"0\r\n\r\nHTTP/1.1")),
    "several zeros": (b"0005\r\nhello\r\n000\r\n\r\n", (b"hello", True, b"000\r\n\r\n")),
    "extensions are ignored": (b'5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n', (b"hello", True, b"0;x\r\n\r\n")),
    "space after the size": (b"5 \t\r\nhello\r\n", (b"hello", False, b"")),
    "either case": (b"a\r\n0123456789\r\nA\r\n0123456789\r\n", (b"01234567890123456789", False, b"")),
    "line ends in the payload": (b"4\r\n\r\n\r\n\r\n", (b"\r\n\r\n", False, b"")),
    "unfinished": (b"ff\r\nhello", (b"hello", False, b"")),
    "nothing": (b"", (b"", False, b"")),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_decode_whole_byte_by_byte_and_with_a_tail(name: str) -> None:
    stream, (payload, done, rest) = SAMPLES[name]
    assert decode([stream]) == (payload, done, rest)
    assert decode([stream[at : at + 1] for at in range(len(stream))]) == (payload, done, rest)
    if done:
        assert decode([stream + b"tail", b"more"]) == (payload, True, rest + b"tailmore")


@settings(max_examples=300, deadline=None)
@given(PAYLOADS, st.booleans(), PLACES)
def test_any_cuts_give_the_same_payload(payloads: list[bytes], last: bool, places: list[int]) -> None:
    end = b"0\r\nt: 1\r\n\r\n" if last else b""
    assert decode(cut(encode(payloads) + end, places)) == (b"".join(payloads), last, end)


@given(PAYLOADS)
def test_whole_chunks_come_out_one_by_one(payloads: list[bytes]) -> None:
    decoder = ChunkedDecoder()
    assert [decoder.feed(encode([payload])) for payload in payloads] == [[payload] for payload in payloads]
    assert decoder.feed(encode(payloads)) == payloads


def test_payload_is_handed_on_before_its_chunk_is_complete() -> None:
    decoder = ChunkedDecoder()
    assert decoder.feed(b"a\r\n01234") == [b"01234"]
    assert decoder.feed(b"5678") == [b"5678"]
    assert decoder.feed(b"9\r") == [b"9"]
    assert decoder.feed(b"\n0\r") == []
    assert not decoder.done
    assert decoder.feed(b"\n\r\n") == []
    assert (decoder.done, decoder.rest) == (True, b"0\r\n\r\n")


@pytest.mark.parametrize(
    "stream",
    [
        b"\r\nx", b"x\r\n", b"-1\r\n", b"+1\r\nx\r\n", b"0x5\r\nhello\r\n", b"1_0\r\n", b" 5\r\nhello\r\n",
        b"5\nhello\n", b"5\r\nhelloX\n", b"5\r\nhello\n\n", b"5\r\nhello\r\r", b"fffffffffffffffff\r\n",
        b"5;a\nb\r\nhello\r\n", b"5 5\r\n",
    ],
)  # fmt: skip
def test_bad_framing_is_an_error_however_it_arrives(stream: bytes) -> None:
    for reads in ([stream], [stream[at : at + 1] for at in range(len(stream))], [b"1\r\nx\r\n" + stream]):
        with pytest.raises(DecodeError, match="chunked body"):
            decode(reads)


@pytest.mark.parametrize("line", [b"5;" + b"x" * 2000 + b"\r\n", b"f" * 2000, b"5" + b" " * 1023])
def test_a_size_line_without_end_is_an_error(line: bytes) -> None:
    for reads in ([line], [line[at : at + 7] for at in range(0, len(line), 7)]):
        with pytest.raises(DecodeError):
            decode(reads)


def test_the_longest_size_line_is_let_through() -> None:
    line = b"5;" + b"x" * 1020 + b"\r\n"
    assert decode([line + b"hello\r\n"])[0] == b"hello"
    assert decode([line[:1023], line[1023:] + b"hello\r\n"])[0] == b"hello"


def test_trailers_without_end_are_an_error() -> None:
    with pytest.raises(DecodeError, match="65536"):
        decode([b"0\r\n"] + [b"x" * 1000] * 100)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text("0123456789abcdef\r\n;x ", max_size=60).map(str.encode), PLACES)
def test_hostile_bytes_give_payload_or_a_decode_error_whatever_the_cuts(stream: bytes, places: list[int]) -> None:
    def outcome(reads: list[bytes]) -> object:
        try:
            return decode(reads)
        except DecodeError:
            return DecodeError

    whole = outcome([stream])
    assert outcome(cut(stream, places)) == whole
    if isinstance(whole, tuple):
        assert len(whole[0]) + len(whole[2]) <= len(stream)
