from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from metrics_kit import quick

from llmload.metrics import codec
from llmload.metrics.buckets import COARSE, FINE, HIGHEST, Buckets, Ints

both = pytest.mark.parametrize("buckets", [FINE, COARSE], ids=["3 digits", "2 digits"])
filled = st.dictionaries(st.integers(0, COARSE.size - 1), st.integers(1, 300) | st.integers(1, 2**50), max_size=60)


def _dense(filled: dict[int, int]) -> Ints:
    dense = np.zeros(max(filled, default=-1) + 1, np.int64)
    for place, count in filled.items():
        dense[place] = count
    return dense


def _oracle(dense: Ints, buckets: Buckets) -> str:
    made = HdrHistogram(1, HIGHEST, buckets.digits)
    for place in np.flatnonzero(dense).tolist():
        made.record_value(int(buckets.lowest(np.array([place]))[0]), int(dense[place]))
    return made.encode().decode()


@both
@quick
@given(filled=filled)
def test_every_way_of_writing_gives_the_very_bytes_hdrhistogram_writes(
    buckets: Buckets, filled: dict[int, int]
) -> None:
    dense = _dense(filled)
    text = _oracle(dense, buckets)
    assert codec.encode_numpy(dense, buckets.digits) == text
    assert codec.encode(dense, buckets.digits) == text
    assert codec.encode_few(sorted(filled), [filled[place] for place in sorted(filled)], buckets.digits) == text


@both
@quick
@given(filled=filled)
def test_what_hdrhistogram_writes_is_read_back(buckets: Buckets, filled: dict[int, int]) -> None:
    dense, found = codec.decode(_oracle(_dense(filled), buckets))
    assert found is buckets
    assert {place: int(dense[place]) for place in np.flatnonzero(dense).tolist()} == filled


@quick
@given(filled=filled)
def test_hdrhistogram_reads_what_the_numpy_codec_writes(filled: dict[int, int]) -> None:
    read = HdrHistogram.decode(codec.encode_numpy(_dense(filled), 3))
    assert {n: count for n, count in enumerate(read.counts) if count} == filled


def test_without_hdrhistogram_the_text_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = _dense({0: 3, 17: 1, 18: 2, 2000: 70_000})
    written = codec.encode(dense, 3)
    monkeypatch.setattr(codec, "HdrHistogram", None)
    assert codec.encode(dense, 3) == written


@pytest.mark.parametrize("count", [2**62 - 1, 2**61, 2**55 - 1, 2**55])
def test_counts_of_every_length_are_read_back(count: int) -> None:
    dense, _ = codec.decode(codec.encode_few([3], [count], 3))
    assert dense.tolist() == [0, 0, 0, count]


def _text(body: bytes, *, cookie: int = 0x1C849313, digits: int = 3, lowest: int = 1, length: int = -1) -> str:
    header = struct.pack(">IIIIQQd", cookie, len(body) if length < 0 else length, 0, digits, lowest, HIGHEST, 1.0)
    packed = zlib.compress(header + body)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not an HdrHistogram"),
        ("not base64!", "not an HdrHistogram"),
        ("héllo", "not an HdrHistogram"),
        ("AAAA", "not an HdrHistogram"),
        (base64.b64encode(struct.pack(">II", 0x1C849314, 4) + b"zlib").decode(), "not an HdrHistogram"),
        (_text(b"\x02")[:-8], "not an HdrHistogram"),
        (base64.b64encode(b"\0" + base64.b64decode(_text(b"\x02"))[1:]).decode(), "not an HdrHistogram"),
        (_text(b"\x02", cookie=0x1C849301), "inner header"),
        (_text(b"\x02", length=7), "inner header"),
        (_text(b"\x02", digits=5), "5 digits"),
        (_text(b"\x02", lowest=1000), "from 1000"),
        (_text(b"\x80"), "break off"),
        (_text(b"\x80" * 9 + b"\x01"), "too large"),
        (_text(b"\xff" * 8 + b"\x7f"), "out of range"),
        (_text(b"\xfe" + b"\xff" * 7 + b"\x7f" + b"\xfe" + b"\xff" * 7 + b"\x7f"), "out of range"),
        (_text(codec._varints(np.array([-FINE.size, 1]))), "beyond the range"),
        ("A" * (codec.MAX_TEXT + 1), "no more than"),
    ],
)
def test_damaged_text_is_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        codec.decode(text)


def test_a_decompression_bomb_is_refused_without_inflating_it() -> None:
    packed = zlib.compress(bytes(50_000_000), 9)
    text = base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()
    assert len(text) < codec.MAX_TEXT
    with pytest.raises(ValueError, match="cut short"):
        codec.decode(text)


@quick
@given(st.binary(max_size=200))
def test_any_counts_are_either_read_or_refused_by_value_error(body: bytes) -> None:
    try:
        dense, _ = codec.decode(_text(body))
    except ValueError:
        return
    assert len(dense) <= FINE.size
    assert (dense >= 0).all()
