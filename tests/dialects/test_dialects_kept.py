"""Keeping the text of an answer in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmload.dialects.kept import TEXT_LIMIT, KeptText
from llmload.records import Answer


def test_nothing_is_kept_unless_asked_for() -> None:
    assert KeptText.of(Answer()) is None


@given(st.lists(st.text()))
def test_pieces_are_kept_in_order(pieces: list[str]) -> None:
    answer = Answer(keep_text=True)
    kept = KeptText.of(answer)
    assert kept is not None
    for piece in pieces:
        kept.add(piece)
    assert answer.text == pieces


def test_what_goes_beyond_the_bound_is_let_go() -> None:
    pieces: list[str] = []
    kept = KeptText(pieces)
    kept.add("a" * (TEXT_LIMIT - 2))
    kept.add("bcde")
    kept.add("f")
    assert sum(map(len, pieces)) == TEXT_LIMIT
    assert pieces[1:] == ["bc"]
