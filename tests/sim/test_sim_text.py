from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.sim.text import Voice, draw, integrity_problem, tag


@given(st.text(), st.integers(0, 5), st.integers(0, 300))
def test_what_a_voice_says_is_whole(request_id: str, choice: int, length: int):
    assert integrity_problem(Voice(tag(request_id), choice).text(length), tag(request_id), choice) == ""


@given(st.integers(0, 5), st.integers(0, 10**6))
def test_a_token_needs_no_escaping_in_json(choice: int, k: int):
    token = Voice(tag("x"), choice).token(k)
    assert token.isascii()
    assert token.isprintable()
    assert not set(token) & set('"\\')


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda words: words.pop(5), "in place of token 5 of choice 0 came token 6"),
        (lambda words: words.insert(5, words[4]), "in place of token 5"),
        (lambda words: words.insert(2, words.pop(9)), "in place of token 2"),
        (lambda words: words.__setitem__(3, Voice(tag("other"), 0).token(3).strip()), "token 3 belongs to another"),
        (lambda words: words.__setitem__(3, Voice(tag("mine"), 1).token(3).strip()), "of choice 1"),
        (lambda words: words.__setitem__(3, "hello"), "token 3 is not one of ours"),
    ],
)
def test_lost_doubled_reordered_and_foreign_tokens_are_found(break_it, says: str):
    words = Voice(tag("mine"), 0).text(20).split()
    break_it(words)
    assert says in integrity_problem(" ".join(words), tag("mine"))


def test_draws_depend_on_their_key_alone_and_are_even():
    assert draw(1, "a", 2) == draw(1, "a", 2) != draw(1, "a", 3)
    keys = list(range(2000))
    random.Random(1).shuffle(keys)
    values = [draw(1, "x", key) for key in keys]
    assert all(0 <= value < 1 for value in values)
    assert sum(values) / 2000 == pytest.approx(0.5, abs=0.03)
