"""Whatever a server says, it can neither drive the terminal nor flood it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.safe import clean


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain words", "plain words"),
        ("\x1b[31mred\x1b[0m alert", "red alert"),
        ("\x1b]0;new title\x07after", "after"),
        ("\x1b]8;;http://evil/\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1bPq#0~~\x1b\\sixel", "sixel"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bcreset", "reset"),
        ("one\ntwo\r\nthree\rfour\tfive", "one two three four five"),
        ("\n" * 10_000 + "late", "late"),
        ("bell\x07 back\x08\x08 null\x00 del\x7f", "bell back null del"),
        ("c1 \x80\x85\x8d\x99 end", "c1 end"),
        ("user\u202egnp.exe\u202c", "usergnp.exe"),
        ("\u2066iso\u2069 zero\u200bwidth\ufeff", "iso zerowidth"),
        ("line\u2028sep\u2029par", "line sep par"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("tag\U000e0041smuggled", "tagsmuggled"),
        ("[red]markup[/red] stays text", "[red]markup[/red] stays text"),
        ("日本語 and é and 🙂", "日本語 and é and 🙂"),
    ],
)
def test_hostile_text_is_made_harmless(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


def test_long_text_is_cut_and_the_cut_is_marked() -> None:
    assert clean("x" * 5000, limit=10) == "x" * 9 + "…"
    assert clean("x" * 10, limit=10) == "x" * 10


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=400), st.integers(2, 50))
def test_nothing_but_visible_characters_on_one_bounded_line_comes_out(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert all(unicodedata.category(char)[0] != "C" and char not in "\u2028\u2029" for char in shown)
    assert clean(shown, limit) == shown or "…" in shown
