"""The event-stream decoder against the standard's own rules, read literally, for every way to cut the bytes."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmload.errors import DecodeError
from llmload.wire.sse import SseDecoder

Event = tuple[bytes, bytes]


def by_the_book(stream: bytes) -> tuple[list[Event], int]:
    """Events and number of comments: the standard's parsing section, sentence by sentence."""
    if stream[:3] == b"\xef\xbb\xbf":
        stream = stream[3:]
    parts = re.split(rb"\r\n|\n|\r", stream)
    lines = parts[:-1]  # what follows the last line end is no line
    events: list[Event] = []
    comments = 0
    data = kind = b""
    for line in lines:
        if line == b"":
            if data != b"":
                if data[-1:] == b"\n":
                    data = data[:-1]
                events.append((kind, data))
            data = kind = b""
        elif line[0:1] == b":":
            comments += 1
        else:
            if b":" in line:
                at = line.index(b":")
                field, value = line[:at], line[at + 1 :]
                if value[0:1] == b" ":
                    value = value[1:]
            else:
                field, value = line, b""
            if field == b"data":
                data = data + value + b"\n"
            elif field == b"event":
                kind = value
    return events, comments


def decode(reads: list[bytes], limit: int = 1 << 20) -> tuple[list[Event], int]:
    decoder = SseDecoder(limit)
    events = [event for read in reads for event in decoder.feed(read)]
    return events, decoder.comments


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(marks)]


SAMPLES: dict[str, tuple[bytes, list[Event]]] = {
    "one event": (b"data: hello\n\n", [(b"", b"hello")]),
    "several events in one read": (b"data: a\n\ndata: b\n\ndata: c\n\n", [(b"", b"a"), (b"", b"b"), (b"", b"c")]),
    "no space after the colon": (b"data:x\n\n", [(b"", b"x")]),
    "only one space is taken off": (b"data:  x\n\n", [(b"", b" x")]),
    "CRLF": (b"data: x\r\n\r\ndata: y\r\n\r\n", [(b"", b"x"), (b"", b"y")]),
    "CR": (b"data: x\r\rdata: y\r\r", [(b"", b"x"), (b"", b"y")]),
    "a CR within what looks like one event": (b"data: a\rdata: b\n\n", [(b"", b"a\nb")]),
    "a CR that ends an event": (b"data: a\r\rdata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    "mixed line ends": (
        b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\n\rdata: 4\r\n\r\n",
        [(b"", bytes([c])) for c in b"1234"],
    ),
    "several data lines": (b"data: a\ndata:\ndata: b\n\n", [(b"", b"a\n\nb")]),
    "an empty data line is an event": (b"data\n\ndata\ndata\n\ndata:", [(b"", b""), (b"", b"\n")]),
    "type": (b"event: error\ndata: {}\n\ndata: {}\n\n", [(b"error", b"{}"), (b"", b"{}")]),
    "the last type counts": (b"event: a\nevent: b\ndata: 1\n\n", [(b"b", b"1")]),
    "an event without data is none, and its type is forgotten": (b"event: x\n\ndata: 1\n\n", [(b"", b"1")]),
    "comments": (b": ping\n\ndata: 1\n: in between\ndata: 2\n\n:\n", [(b"", b"1\n2")]),
    "other fields": (b"id: 7\nretry: 10\nfoo: bar\nwhatever\ndata: 1\n\n", [(b"", b"1")]),
    "NUL in an id": (b"id: a\x00b\ndata: 1\n\n", [(b"", b"1")]),
    "a byte order mark at the start": (b"\xef\xbb\xbfdata: 1\n\n", [(b"", b"1")]),
    "a byte order mark later is a byte like any": (b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n", [(b"", b"1")]),
    "half a byte order mark is none": (b"\xef\xbbdata: 1\n\ndata: 2\n\n", [(b"", b"2")]),
    "names are exact": (b"Data: 1\ndata : 2\n data: 3\n\n", []),
    "an incomplete event is dropped": (b"data: 1\n\ndata: 2\n", [(b"", b"1")]),
    "UTF-8 is left alone": ("data: žluť 🐎\n\n".encode(), [(b"", "žluť 🐎".encode())]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_decode_whole_byte_by_byte_and_with_a_tail(name: str) -> None:
    stream, events = SAMPLES[name]
    assert by_the_book(stream)[0] == events
    assert decode([stream])[0] == events
    assert decode([stream[at : at + 1] for at in range(len(stream))])[0] == events
    assert decode([stream + b"\n\ndata: half an ev"])[0] == by_the_book(stream + b"\n\ndata: half an ev")[0]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_decode_alike_when_the_decoder_is_already_running(name: str) -> None:
    """The quick way is open only then."""
    stream = SAMPLES[name][0]
    decoder = SseDecoder()
    decoder.feed(b"data: before\n\n")
    assert decoder.idle
    assert decoder.feed(stream) == by_the_book(b"data: before\n\n" + stream)[0][1:]


STREAMS = st.lists(
    st.sampled_from(
        [
            b"data: ", b"data:", b"data", b"\n", b"\n", b"\n\n", b"\r", b"\r\n", b"event: x\n", b"event:", b": c\n",
            b":", b" ", b"id: \x00\n", b"\xef\xbb\xbf", b"\xef", b"\xbb", b"abc", b"data: 1\n\n",
            b"data: 2\n\ndata: 3\n\n", b"data: 4\r\n\r\n",
        ]
    )
    | st.binary(max_size=3),
    max_size=25,
).map(b"".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 1000), max_size=6))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [10])
@example(b"data: a\n\ndata: \n\n\ndata: b\n\n", [9])
@example(b": x\n\ndata: a\n\n\n\ndata: b\n\n", [5])
def test_any_bytes_in_any_cuts_give_what_the_standard_says(stream: bytes, places: list[int]) -> None:
    assert decode(cut(stream, places)) == by_the_book(stream)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 1000), max_size=6))
def test_hostile_bytes_give_events_or_a_decode_error_in_bounded_memory(stream: bytes, places: list[int]) -> None:
    decoder = SseDecoder(limit=16)
    for read in cut(stream * 3, places):
        try:
            events = decoder.feed(read)
        except DecodeError:
            break
        assert all(len(kind) <= 16 and len(data) <= 16 for kind, data in events)
        assert len(decoder._line) <= 16
        assert len(decoder._data) <= 17


@settings(max_examples=200, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 1000), max_size=6))
def test_whether_a_stream_is_too_long_does_not_depend_on_its_cuts(stream: bytes, places: list[int]) -> None:
    def outcome(reads: list[bytes]) -> object:
        try:
            return decode([b":\n", *reads], limit=12)
        except DecodeError:
            return DecodeError

    assert outcome(cut(stream, places)) == outcome([stream[at : at + 1] for at in range(len(stream))])


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * 100,
        b"x" * 100,
        b"data: 12345678\n" * 20,
        b"data: " + b"x" * 90 + b"\n\n",
        b":" + b"c" * 99 + b"\n",
    ],
    ids=["endless line", "endless junk", "endless event", "whole event", "whole comment"],
)  # fmt: skip
def test_what_is_too_long_is_an_error_however_it_arrives(stream: bytes) -> None:
    for reads in ([stream], [b"data: 1\n\n", stream], [stream[at : at + 1] for at in range(len(stream))]):
        with pytest.raises(DecodeError, match="longer than 64 bytes"):
            decode(reads, limit=64)


def test_an_event_of_the_limit_is_let_through() -> None:
    line = b"data: " + b"x" * 58
    assert decode([b":\n", line + b"\n\n"], limit=64)[0] == [(b"", b"x" * 58)]


@pytest.mark.parametrize(
    ("stream", "pending"),
    [
        (b"", False), (b"data: 1\n\n", False), (b"data: 1\n", True), (b"dat", True), (b"event: x\n", True),
        (b": ping\n", False), (b": pi", False), (b"data: 1\r", True), (b"data: 1\r\r", False), (b"\xef\xbb", True),
    ],
)  # fmt: skip
def test_pending_tells_that_an_event_was_begun(stream: bytes, pending: bool) -> None:
    decoder = SseDecoder()
    decoder.feed(stream)
    assert decoder.pending is pending


def test_idle_is_only_where_the_next_byte_begins_an_event() -> None:
    decoder = SseDecoder()
    assert not decoder.idle
    seen = []
    for byte in b"data: 1\r\n\r\n: c\n":
        decoder.feed(bytes([byte]))
        seen.append(decoder.idle)
    # After the last CR the LF that belongs to it may still come; a comment line leaves nothing behind.
    assert seen == [False] * 10 + [True] + [False] * 3 + [True]


def test_an_event_split_over_very_many_reads_comes_out_whole() -> None:
    decoder = SseDecoder()
    decoder.feed(b"data: ")
    for _ in range(10_000):
        assert decoder.feed(b"0123456789" * 10) == []
    ((kind, data),) = decoder.feed(b"\n\n")
    assert (kind, len(data)) == (b"", 1_000_000)
    assert decoder.idle
