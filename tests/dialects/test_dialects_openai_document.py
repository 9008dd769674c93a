"""Whole documents: what the samples don't say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dialects import json_body
from llmload.dialects.openai import OpenAi
from llmload.dialects.openai.document import DocumentReader
from llmload.dialects.vectors import hollow
from llmload.errors import DecodeError
from llmload.records import Answer, Api

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9), max_size=4)
VECTORS = (
    NUMBERS | st.lists(NUMBERS, max_size=3) | st.text(max_size=5) | st.none() | st.just([" ]"]) | st.just([{"a": 1}])
)
ENTRIES = st.lists(
    st.fixed_dictionaries({"embedding": VECTORS}, optional={'x"embedding': VECTORS, "object": st.text(max_size=12)})
    | st.none()
    | st.just({"object": 'an "embedding": [1] in a string'}),
    max_size=5,
)


def read(api: Api, body: bytes) -> Answer:
    answer = Answer()
    reader = DocumentReader(api, answer)
    reader.feed(body, 1)
    reader.close(2)
    return answer


@given(ENTRIES, st.booleans())
def test_vectors_that_are_not_parsed_are_counted_as_if_they_were(entries: list[Any], pretty: bool) -> None:
    body = orjson.dumps({"data": entries, "model": "m"}, option=orjson.OPT_INDENT_2 if pretty else 0)
    answer = read(Api.EMBEDDINGS, body)
    assert answer.items == sum(1 for entry in entries if entry and entry.get("embedding"))
    assert (answer.model, answer.malformed) == ("m", 0)


@given(
    st.binary() | st.lists(st.sampled_from([b'"embedding":', b"[", b"]", b"1", b"{", b"}", b",", b'"'])).map(b"".join)
)
def test_hollowing_never_makes_a_body_longer_nor_fails(body: bytes) -> None:
    assert len(hollow(body, "embedding")) <= len(body)


def test_a_large_batch_shrinks_to_its_skeleton() -> None:
    body = orjson.dumps({"data": [{"index": n, "embedding": [0.123456789] * 1536} for n in range(32)]})
    assert len(hollow(body, "embedding")) < 1000
    assert read(Api.EMBEDDINGS, body).items == 32


@pytest.mark.parametrize("api", sorted(OpenAi.apis))
def test_a_document_of_another_shape_is_malformed(api: Api) -> None:
    for body in (b"{}", b"[]", b"7", b"null", b'{"data": 7, "choices": 7}', b"\xff", b"nonsense"):
        assert read(api, body).malformed == 1


@pytest.mark.parametrize("api", sorted(OpenAi.apis))
def test_white_space_is_no_document_and_nothing_malformed(api: Api) -> None:
    answer = read(api, b" \r\n")
    assert (answer.malformed, answer.items, answer.ended) == (0, 0, True)


def test_a_body_beyond_the_bound_is_a_decode_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "DOCUMENT_LIMIT", 10)
    reader = DocumentReader(Api.CHAT, Answer())
    reader.feed(b"x" * 10, 1)
    with pytest.raises(DecodeError, match="longer than 10 bytes"):
        reader.feed(b"x", 2)
