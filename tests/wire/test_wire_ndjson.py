"""Lines of JSON, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.errors import DecodeError
from llmload.wire.ndjson import NdjsonDecoder

LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8)


@given(LINES, st.booleans(), st.data())
def test_any_cut_gives_the_same_lines(lines: list[bytes], ended: bool, data: st.DataObject) -> None:
    body = b"\n".join(lines) + (b"\n" if ended else b"")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    decoder, found = NdjsonDecoder(), []
    for begin, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        found += decoder.feed(body[begin:end])
    assert found + decoder.rest() == [line.strip() for line in lines if line.strip()]


@given(st.integers(1, 50), st.integers(0, 100), st.integers(1, 7))
def test_a_line_beyond_the_limit_is_refused_wherever_it_is_cut(limit: int, size: int, step: int) -> None:
    decoder, body = NdjsonDecoder(limit), b"x" * size

    def feed() -> None:
        for at in range(0, size, step):
            decoder.feed(body[at : at + step])

    if size > limit:
        with pytest.raises(DecodeError, match=f"longer than {limit} bytes"):
            feed()
    else:
        feed()
        assert b"".join(decoder.rest()) == body
