"""Outcomes, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dialects.outcome import classify
from llmload.records import Answer, Api, Call, Outcome


def call(api: Api = Api.CHAT, expect: tuple[int, ...] = ()) -> Call:
    return Call(0, "c", "t", api, "m", expect_status=frozenset(expect))


def answer(stamps: int = 0, **fields: Any) -> Answer:
    made = Answer()
    made.stamps.extend(range(1, stamps + 1))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("status", "given_answer", "outcome"),
    [
        (200, answer(3, finish="stop"), Outcome.OK),
        (200, answer(3, finish="stop", ended=True), Outcome.OK),
        (200, answer(0, finish="stop", events=2), Outcome.OK),
        (200, answer(0, items=1, ended=True), Outcome.OK),
        (201, answer(3, finish="stop"), Outcome.OK),
        (200, answer(3), Outcome.TRUNCATED),
        (200, answer(3, ended=True), Outcome.TRUNCATED),
        (200, answer(), Outcome.EMPTY),
        (200, answer(0, events=4, ended=True), Outcome.EMPTY),
        (200, answer(3, finish="stop", error="boom"), Outcome.ERROR_EVENT),
        (200, answer(0, error="boom", malformed=1), Outcome.ERROR_EVENT),
        (200, answer(3, finish="stop", malformed=1), Outcome.PROTOCOL_ERROR),
        (429, answer(error="slow down"), Outcome.HTTP_429),
        (400, answer(), Outcome.HTTP_4XX),
        (499, answer(), Outcome.HTTP_4XX),
        (500, answer(), Outcome.HTTP_5XX),
        (503, answer(error="Overloaded"), Outcome.HTTP_503),
        (529, answer(error="Overloaded"), Outcome.HTTP_5XX),
        (302, answer(), Outcome.PROTOCOL_ERROR),
        (101, answer(), Outcome.PROTOCOL_ERROR),
        (0, answer(), Outcome.PROTOCOL_ERROR),
        (999, answer(), Outcome.PROTOCOL_ERROR),
    ],
)
def test_the_outcome_follows_from_status_and_body(status: int, given_answer: Answer, outcome: Outcome) -> None:
    found, why = classify(call(), status, given_answer, None)
    assert found is outcome
    assert (why == "") is outcome.good


def test_an_empty_list_of_models_is_an_answer_if_it_is_whole() -> None:
    assert classify(call(Api.MODELS), 200, answer(ended=True), None) == (Outcome.OK, "")
    assert classify(call(Api.MODELS), 200, answer(), None)[0] is Outcome.EMPTY


def test_a_failure_wins_over_what_was_read() -> None:
    failure = (Outcome.TIMEOUT_IDLE, "no content for 2 m")
    assert classify(call(), 200, answer(3, finish="stop", ended=True), failure) == failure
    assert classify(call(), 500, answer(error="boom"), failure) == failure
    assert classify(call(expect=(500,)), 500, answer(), failure) == failure


def test_an_error_reported_before_the_connection_died_is_the_cause() -> None:
    failure = (Outcome.PROTOCOL_ERROR, "connection closed within a chunk")
    assert classify(call(), 200, answer(3, error="CUDA out of memory"), failure) == (
        Outcome.ERROR_EVENT,
        "CUDA out of memory",
    )


def test_an_expected_status_is_good_and_any_other_is_not() -> None:
    expecting = call(expect=(401, 403))
    assert classify(expecting, 401, answer(error="bad key"), None) == (Outcome.EXPECTED_STATUS, "")
    assert classify(expecting, 200, answer(3, finish="stop"), None) == (
        Outcome.PROTOCOL_ERROR,
        "HTTP 200 where 401 or 403 was expected",
    )
    assert classify(expecting, 500, answer(error="boom"), None) == (
        Outcome.HTTP_5XX,
        "HTTP 500 where 401 or 403 was expected: boom",
    )
    assert classify(expecting, 429, answer(), None)[0] is Outcome.HTTP_429


def test_an_expected_success_must_still_be_one() -> None:
    expecting = call(expect=(200, 429))
    assert classify(expecting, 429, answer(), None) == (Outcome.EXPECTED_STATUS, "")
    assert classify(expecting, 200, answer(3, finish="stop"), None) == (Outcome.OK, "")
    assert classify(expecting, 200, answer(3), None)[0] is Outcome.TRUNCATED


def test_details_name_the_cause() -> None:
    assert classify(call(), 529, answer(error="Overloaded"), None)[1] == "HTTP 529: Overloaded"
    assert classify(call(), 503, answer(), None)[1] == "HTTP 503 without a message"
    assert classify(call(), 200, answer(2, ended=True), None)[1] == (
        "the stream ended with an end mark but without a finish reason"
    )
    assert "text/html" in classify(call(), 200, answer(malformed=1, content_type="text/html"), None)[1]


@given(
    st.integers(0, 700),
    st.booleans(),
    st.none() | st.text(max_size=400),
    st.none() | st.tuples(st.sampled_from(Outcome), st.text(max_size=400)),
)
def test_every_case_has_an_outcome_and_a_clean_bounded_detail(
    status: int, content: bool, error: str | None, failure: tuple[Outcome, str] | None
) -> None:
    outcome, why = classify(call(), status, answer(int(content), error=error), failure)
    assert isinstance(outcome, Outcome)
    assert len(why) <= 300
    assert why == "" or why.isprintable()
