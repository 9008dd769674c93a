"""Frames of AWS event streams: the same however cut, the same as botocore reads them, no exception but DecodeError."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import pytest
from aws_frames import frame
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.errors import DecodeError
from llmload.wire.event_stream import EventStreamDecoder, Frame

NAME = st.text("abcdefgh:-", min_size=1, max_size=12)
FRAME = st.builds(frame, st.binary(max_size=60), st.dictionaries(NAME, st.text(max_size=12), max_size=4))
OTHERS = {
    b"\x01t\x00": {},
    b"\x01f\x01": {},
    b"\x01b\x02\x09": {},
    b"\x01s\x03\x00\x09": {},
    b"\x01i\x04" + bytes(4): {},
    b"\x01l\x05" + bytes(8): {},
    b"\x01y\x06\x00\x02ab": {},
    b"\x01z\x07\x00\x02ab": {b"z": b"ab"},
    b"\x01d\x08" + bytes(8): {},
    b"\x01u\x09" + bytes(16): {},
}
"""A header of each type, and what is kept of it."""


def decoded(reads: list[bytes], limit: int = 1 << 20) -> tuple[list[Frame], bool]:
    decoder = EventStreamDecoder(limit)
    return [found for data in reads for found in decoder.feed(data)], decoder.pending


def by_botocore(data: bytes) -> list[Frame]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [
        Frame({name.encode(): value.encode() for name, value in each.headers.items()}, each.payload) for each in buffer
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAME, max_size=4), st.lists(st.integers(0, 400), max_size=5), st.integers(0, 15))
def test_frames_are_those_that_botocore_reads_however_they_are_cut(
    frames: list[bytes], cuts: list[int], tail: int
) -> None:
    data = b"".join(frames) + frame(b"never whole")[:tail]
    places = [0, *sorted(cuts), len(data)]
    whole = decoded([data])
    assert whole == (by_botocore(data), tail > 0)
    assert decoded([data[start:end] for start, end in pairwise(places)]) == whole
    assert decoded([data[at : at + 1] for at in range(len(data))]) == whole


@pytest.mark.parametrize("raw", OTHERS, ids=lambda raw: f"type {raw[2]}")
def test_headers_of_every_type_are_passed_over_and_strings_kept(raw: bytes) -> None:
    data = frame(b"p", {"before": "1"}, raw + b"\x05after\x07\x00\x01x")
    assert decoded([data])[0] == [Frame({b"before": b"1", **OTHERS[raw], b"after": b"x"}, b"p")]


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAME, min_size=1, max_size=3), st.data())
def test_a_spoilt_byte_is_always_noticed(frames: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(frames))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DecodeError):
        decoded([bytes(whole)])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 80))
def test_any_bytes_give_frames_or_a_decode_error(data: bytes, at: int) -> None:
    try:
        whole = decoded([data])
    except DecodeError:
        with pytest.raises(DecodeError):
            decoded([data[:at], data[at:]])
    else:
        assert decoded([data[:at], data[at:]]) == whole


def test_a_frame_that_is_too_long_is_refused_by_its_first_bytes() -> None:
    with pytest.raises(DecodeError, match="longer than 100"):
        decoded([frame(bytes(200))[:12]], 100)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x01a\x0a", "type 10"),
        (b"\x01a\x07\x00\x09x", "longer than its frame"),
        (b"\x09a", "longer than its frame"),
        (b"\x01a\x07\x00", "longer than its frame"),
        (b"\x01a\x09ab", "longer than its frame"),
    ],
)
def test_headers_that_break_their_own_format_are_refused(raw: bytes, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        decoded([frame(b"", raw=raw)])


def test_lengths_that_contradict_each_other_are_refused() -> None:
    prelude = struct.pack(">II", 20, 10)
    with pytest.raises(DecodeError, match="shorter than its headers"):
        decoded([prelude + struct.pack(">I", zlib.crc32(prelude)) + bytes(8)])
