"""Answers that must be whole, in order and one's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dialects.integrity import problem
from llmload.dialects.outcome import classify
from llmload.records import Answer, Api, Call, Message, Outcome, Usage
from llmload.sim.text import Voice, tag
from llmload.workload.integrity import instruction, nonce_of

MINE, OTHER = nonce_of(0xFEED), nonce_of(0xBEEF)


def answered(text: str, tokens: int | None = None, finish: str = "stop") -> Answer:
    answer = Answer(keep_text=True)
    assert answer.text is not None
    answer.text.append(text)
    answer.finish = finish
    answer.usage = None if tokens is None else Usage(output=tokens)
    return answer


def call(kind: str, text: str = "") -> Call:
    return Call(0, "c", "t", Api.CHAT, "m", messages=(Message("user", text),), nonce=MINE, integrity=kind)


def said(tokens: list[str], total: int) -> str:
    return problem(call("sim"), answered("".join(tokens), total))


def tokens(nonce: str, length: int) -> list[str]:
    return [Voice(tag(nonce), 0).token(k) for k in range(length)]


@given(st.integers(1, 60))
def test_what_the_simulator_says_is_whole(length: int) -> None:
    assert said(tokens(MINE, length), length) == ""


@given(st.integers(2, 60), st.data())
def test_a_token_that_is_missing_is_a_loss(length: int, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, length - 1))
    whole = tokens(MINE, length)
    assert said(whole[:lost] + whole[lost + 1 :], length).startswith("loss: ")


@given(st.integers(1, 60), st.data())
def test_a_token_that_comes_twice_is_a_duplication(length: int, data: st.DataObject) -> None:
    again = data.draw(st.integers(0, length - 1))
    whole = tokens(MINE, length)
    assert said(whole[: again + 1] + whole[again:], length).startswith("duplication: ")


@given(st.integers(2, 60), st.data())
def test_tokens_that_changed_places_are_disorder(length: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, length - 2))
    mixed = tokens(MINE, length)
    mixed[at], mixed[at + 1] = mixed[at + 1], mixed[at]
    assert said(mixed, length).startswith("disorder: ")


@given(st.integers(1, 60), st.data())
def test_a_token_of_another_request_is_cross_talk(length: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, length - 1))
    mixed = tokens(MINE, length)
    mixed[at] = tokens(OTHER, length)[at]
    assert said(mixed, length).startswith("cross-talk: ")


def test_text_that_nobody_can_have_meant_is_foreign() -> None:
    assert said(["hello ", "world "], 2) == "foreign text: piece 0 is none that was asked for"


def test_without_a_count_of_tokens_only_the_end_goes_unchecked() -> None:
    whole = tokens(MINE, 9)
    assert problem(call("sim"), answered("".join(whole[:5]))) == ""
    assert problem(call("sim"), answered("".join(whole[1:]))).startswith("loss: ")


@given(st.integers(1, 40))
def test_a_model_that_does_as_it_is_told_is_whole_whatever_it_says_around_it(lines: int) -> None:
    text = "Sure:\n" + "\n".join(f"* {MINE}-{line}" for line in range(1, lines + 1)) + "\nDone."
    assert problem(call("instructed", instruction(MINE, lines)), answered(text)) == ""


@pytest.mark.parametrize(
    ("numbers", "finish", "kind"),
    [
        ([1, 2, 4, 5], "stop", "loss"),
        ([1, 2, 3, 4], "stop", "loss"),
        ([1, 2, 3, 4], "length", ""),
        ([1, 2, 2, 3, 4, 5], "stop", "duplication"),
        ([1, 3, 2, 4, 5], "stop", "disorder"),
        ([], "stop", "loss"),
    ],
)
def test_what_is_wrong_with_numbered_lines_is_named(numbers: list[int], finish: str, kind: str) -> None:
    text = "\n".join(f"{MINE}-{number}" for number in numbers)
    assert problem(call("instructed", instruction(MINE, 5)), answered(text, finish=finish)).partition(":")[0] == kind


def test_a_code_of_another_request_among_the_lines_is_cross_talk() -> None:
    text = f"{MINE}-1\n{OTHER}-2\n{MINE}-3"
    assert problem(call("instructed", instruction(MINE, 3)), answered(text)).startswith("cross-talk: ")


SENT = "one two three four five six seven eight nine ten"


@pytest.mark.parametrize(
    ("got", "finish", "kind"),
    [
        (SENT, "stop", ""),
        (f"  {SENT}\n", "stop", ""),
        ("one two three four five", "stop", "loss"),
        ("one two three four five", "length", ""),
        ("one two four five six seven eight nine ten", "stop", "loss"),
        ("one two three two three four five six seven eight nine ten", "stop", "duplication"),
        (f"{SENT} ten", "stop", "duplication"),
        ("one two uno dos tres six seven eight nine ten", "stop", "cross-talk"),
    ],
)
def test_an_echo_is_compared_word_by_word(got: str, finish: str, kind: str) -> None:
    assert problem(call("echo", SENT), answered(got, finish=finish)).partition(":")[0] == kind


@given(st.sampled_from(["sim", "echo", "instructed"]), st.text(), st.text())
def test_any_text_gets_a_verdict(kind: str, sent: str, got: str) -> None:
    assert isinstance(problem(call(kind, sent), answered(got)), str)


def test_only_answers_that_ended_well_are_looked_at_and_only_if_asked() -> None:
    broken = answered("nothing of the kind")
    assert classify(call("sim"), 200, broken)[0] is Outcome.CORRUPT
    assert classify(call(""), 200, broken)[0] is Outcome.OK
    broken.finish, broken.stamps = None, broken.stamps + type(broken.stamps)("q", [1])
    assert classify(call("sim"), 200, broken)[0] is Outcome.TRUNCATED
