"""A JSON array that grows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.errors import DecodeError
from llmload.wire.json_array import JsonArrayDecoder


def entries(reads: list[bytes]) -> list[bytes]:
    decoder = JsonArrayDecoder()
    return [entry for read in reads for entry in decoder.feed(read)]


def test_an_entry_is_given_with_its_last_byte() -> None:
    decoder = JsonArrayDecoder()
    assert decoder.feed(b'[{"a": "}]\\""') == []
    assert decoder.feed(b"}") == [b'{"a": "}]\\""}']
    assert decoder.feed(b"\n,\r\n") == []
    assert decoder.feed(b"[1, 2]") == [b"[1, 2]"]
    assert not decoder.done
    assert decoder.feed(b"]\n") == []
    assert decoder.done
    assert decoder.feed(b'{"more": 1}') == []


def test_entries_without_brackets_are_given_with_the_comma_after_them() -> None:
    assert entries([b'[1, "a,b" ,null]']) == [b"1", b'"a,b"', b"null"]
    assert entries([b"[]"]) == []


def test_an_entry_beyond_the_bound_is_a_decode_error() -> None:
    decoder = JsonArrayDecoder(limit=100)
    decoder.feed(b"[" + b'{"a": 1},' * 50)
    with pytest.raises(DecodeError, match="longer than 100 bytes"):
        decoder.feed(b'{"a": "' + b"x" * 200)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a"\\{}[], ž\n')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, max_size=5), st.data())
def test_any_array_however_cut_gives_its_entries(values: list[Any], data: st.DataObject) -> None:
    body = json.dumps(values, indent=data.draw(st.sampled_from([None, 1])), ensure_ascii=False).encode()
    bytewise = entries([body[at : at + 1] for at in range(len(body))])
    assert [json.loads(entry) for entry in bytewise] == values
    at = data.draw(st.integers(0, len(body)))
    assert entries([body[:at], body[at:]]) == bytewise == entries([body])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b","]), max_size=12))
def test_any_bytes_give_the_same_entries_however_cut(reads: list[bytes]) -> None:
    body = b"".join(reads)
    assert entries(reads) == entries([body]) == entries([body[at : at + 1] for at in range(len(body))])
