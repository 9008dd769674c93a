"""Dialect "http": requests as worded, answers judged by status and by what is in them."""

from __future__ import annotations

import pytest

from llmload.dialects import classify, dialect
from llmload.recipes import HttpRecipe, Pattern
from llmload.records import Answer, Api, Call, Outcome

RECIPE = HttpRecipe(
    "PUT",
    Pattern.of("/items/{{index}}?q={{prompt}}", "url"),
    (("content-type", Pattern.of("text/plain")), ("x-trace", Pattern.of("{{prompt}}"))),
    Pattern.of("{{prompt}}"),
)


def call(recipe: HttpRecipe = RECIPE, **more: object) -> Call:
    return Call(5, "c", "t", Api.HTTP, "", inputs=("a b\r\nHost: evil",), recipe=recipe, **more)  # type: ignore[arg-type]


def judged(recipe: HttpRecipe, body: bytes, status: int = 200, kind: str = "application/json", **more: object) -> tuple:
    answer, asked = Answer(), call(recipe, **more)
    reader = dialect("http").reader(asked, answer, status, kind)
    for at in range(len(body)):
        reader.feed(body[at : at + 1], at + 1)
    reader.close(len(body) + 1)
    return answer, *classify(asked, status, answer)


def test_a_request_is_what_the_recipe_says_and_no_value_ends_a_line() -> None:
    request = dialect("http").request(call(headers={"X-Own": "1"}))
    assert (request.method, request.path) == ("PUT", "items/5?q=a%20b%0D%0AHost%3A%20evil")
    assert request.body == b"a b\r\nHost: evil"
    assert request.headers == (("content-type", "text/plain"), ("x-trace", "a b  Host: evil"), ("X-Own", "1"))


def test_the_classs_own_headers_win() -> None:
    request = dialect("http").request(call(headers={"X-Trace": "mine"}))
    assert dict(request.headers) == {"content-type": "text/plain", "X-Trace": "mine"}


FIELDS = HttpRecipe(fields=((("data", "0", "object"), "model"), (("ok",), True)))


@pytest.mark.parametrize(
    ("recipe", "body", "outcome", "why"),
    [
        (RECIPE, b"", Outcome.OK, ""),
        (RECIPE, b"anything", Outcome.OK, ""),
        (HttpRecipe(contains="pong"), b"ping pong", Outcome.OK, ""),
        (HttpRecipe(contains="pong"), b"ping", Outcome.CORRUPT, "the answer does not contain 'pong'"),
        (FIELDS, b'{"ok": true, "data": [{"object": "model"}]}', Outcome.OK, ""),
        (FIELDS, b'{"ok": true, "data": []}', Outcome.CORRUPT, 'data.0.object is missing where "model" was expected'),
        (FIELDS, b'{"ok": 1, "data": [{"object": "model"}]}', Outcome.CORRUPT, "ok is 1 where true was expected"),
        (FIELDS, b"<html>", Outcome.CORRUPT, "the answer is not JSON"),
    ],
)
def test_an_answer_is_judged_by_what_is_in_it(recipe: HttpRecipe, body: bytes, outcome: Outcome, why: str) -> None:
    assert judged(recipe, body)[1:] == (outcome, why)


def test_statuses_are_judged_as_ever() -> None:
    assert judged(RECIPE, b'{"error": "no"}', 404)[1:] == (Outcome.HTTP_4XX, "HTTP 404: no")
    assert judged(RECIPE, b"", 401, expect_status=frozenset({401}))[1] is Outcome.EXPECTED_STATUS
    assert judged(RECIPE, b"", 204)[1] is Outcome.OK


def test_streams_leave_a_stamp_per_read_and_documents_none() -> None:
    answer, outcome, _ = judged(RECIPE, b"data: x\n\n", kind="text/event-stream; charset=utf-8")
    assert (list(answer.stamps), outcome) == (list(range(1, 10)), Outcome.OK)
    assert list(judged(RECIPE, b"abc", stream=True)[0].stamps) == [1, 2, 3]
    assert not judged(RECIPE, b"abc")[0].stamps
    assert judged(RECIPE, b"", stream=True)[1] is Outcome.EMPTY


def test_a_body_without_end_is_looked_at_in_bounded_memory() -> None:
    answer, asked = Answer(), call(HttpRecipe(contains="x"))
    reader = dialect("http").reader(asked, answer, 200, "text/plain")
    for t in range(40):
        reader.feed(b"a" * (1 << 20), t + 1)
    assert len(reader._body) == 16 << 20  # type: ignore[attr-defined]
