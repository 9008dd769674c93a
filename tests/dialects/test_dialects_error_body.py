"""Wording errors: shapes beyond those in the samples, and hostile ones."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dialects.error_body import ERROR_LIMIT, ErrorReader, describe_error, describe_error_body, reported_error
from llmload.records import Answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 600) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "detail", "message", "type", "code", "loc", "msg", "choices", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_worded_in_one_printable_line(value: Any) -> None:
    line = describe_error(value)
    assert line
    assert line.isprintable()
    assert len(line) <= 300


@given(st.dictionaries(st.sampled_from(["error", "detail", "message", "type", "code", "choices", "data"]), JSON))
def test_a_reported_error_always_has_words(document: dict[str, Any]) -> None:
    error = reported_error(document)
    assert error is None or error
    if document.get("error"):
        assert error is not None


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"error": {"error": {"message": "inner"}}}, "inner"),
        ({"error": True, "message": "it broke"}, "it broke"),
        (
            {"error": "Bad Request", "message": "prompt too long", "status": 400},
            "Bad Request: prompt too long (code 400)",
        ),
        ({"title": "Too large", "detail": "2 MB", "type": "about:blank"}, "about:blank: 2 MB: Too large"),
        ({"errors": [{"message": "a"}, {"message": "b"}]}, "a; b"),
        ({"error": {"type": "server_error"}}, "server_error"),
        ({"error": {"code": "rate_limit", "message": "slow down"}}, "rate_limit: slow down"),
        ({"error": {"code": "rate_limit"}}, "rate_limit"),
        ({"error": {"code": 7, "message": "error 7 happened"}}, "error 7 happened"),
        ([], "an error without a message"),
        (None, "an error without a message"),
        (5, "an error without a message"),
        ("\n", "an error without a message"),
    ],
)
def test_errors_are_worded(value: Any, line: str) -> None:
    assert describe_error(value) == line


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"choices": [], "error": None}, None),
        ({"choices": [], "error": {}}, None),
        ({"choices": [], "error": "x"}, "x"),
        ({"error": None}, None),
        ({"error": False}, None),
        ({"error": {}}, "an error without a message"),
        ({"type": "ping"}, None),
        ({"message": "queued"}, None),
        ({"code": "InvalidParameter", "message": "no"}, "InvalidParameter: no"),
        ({"detail": "no"}, "no"),
        ({"choices": [], "detail": "fine"}, None),
        ({}, None),
    ],
)
def test_an_object_reports_an_error_or_does_not(document: dict[str, Any], error: str | None) -> None:
    assert reported_error(document) == error


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", ""),
        (b" \n", ""),
        (b"no healthy upstream", "no healthy upstream"),
        (b"\xff\xfebroken", "\ufffd\ufffdbroken"),
        (b"<!doctype html><TITLE>\n 504 &amp; more </TITLE><body>x", "504 & more"),
        (b"<html><title></title><style>b{}</style><h1>Oops</h1><script>f()</script></html>", "Oops"),
        (b"<>", "an error without a message"),
        (b'{"error": {"message": "cut of', '{"error": {"message": "cut of'),
    ],
)
def test_bodies_are_worded_whatever_they_are(body: bytes, line: str) -> None:
    assert describe_error_body(body) == line


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_any_bytes_give_a_line_or_nothing(reads: list[bytes]) -> None:
    answer = Answer()
    reader = ErrorReader(answer)
    for data in reads:
        reader.feed(data, 1)
    reader.close(2)
    assert answer.ended
    assert answer.error is None or (answer.error.isprintable() and len(answer.error) <= 300)


@pytest.mark.parametrize("junk", [b"x", b"<", b"<script ", b"<title>", b'{"a":', b"[", b"\x1b]"])
def test_a_body_without_end_is_kept_up_to_the_bound(junk: bytes) -> None:
    answer = Answer()
    reader = ErrorReader(answer)
    for _ in range(100):
        reader.feed(junk * 1000, 1)
    assert len(reader._body) <= ERROR_LIMIT
    reader.close(2)
    assert answer.error


def test_an_error_cut_at_the_bound_still_shows_its_beginning() -> None:
    answer = Answer()
    reader = ErrorReader(answer)
    reader.feed(orjson.dumps({"error": {"message": "boom" + "x" * ERROR_LIMIT}}), 1)
    reader.close(2)
    assert answer.error is not None
    assert "boom" in answer.error
