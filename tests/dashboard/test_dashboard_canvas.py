"""Cutting, padding and joining lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from llmload.dashboard.canvas import beside, columns, fit, safe, to_ascii, width_of

PIECES = st.lists(st.tuples(st.text(max_size=20).map(safe), st.sampled_from(["", "dim", "bad"])), max_size=6)


@given(PIECES, st.integers(0, 60))
def test_a_fitted_line_is_exactly_as_wide_as_asked(line: list[tuple[str, str]], width: int) -> None:
    assert width_of(fit(line, width)) == width


def test_what_is_cut_ends_in_an_ellipsis_and_keeps_its_styles() -> None:
    assert fit([("ab", "bad"), ("cdef", "dim")], 5) == [("ab", "bad"), ("cd…", "dim")]
    assert fit([("abc", ""), ("d", "bad")], 3) == [("ab…", "")]
    assert fit([("abc", "")], 3) == [("abc", "")]


@given(st.text())
def test_safe_text_is_printable_and_bounded(text: str) -> None:
    assert safe(text).isprintable()
    assert len(safe(text)) <= 400


def test_safe_keeps_words_apart_and_drops_whole_escapes() -> None:
    assert safe("a\nb\tc\x1b[31;1md\x9b2Je\u202ef") == "a b c d ef"


@given(st.text().map(safe))
def test_ascii_is_ascii(text: str) -> None:
    assert to_ascii(text).isascii()


def test_blocks_of_different_height_stand_side_by_side() -> None:
    lines = beside([[("a", "")], [("b", "")]], [[("c", "")]], 3)
    assert ["".join(text for text, _ in line) for line in lines] == ["a    c", "b"]


@given(st.lists(st.text("xyz", min_size=1, max_size=9), max_size=12), st.integers(9, 60), st.integers(0, 8))
def test_columns_keep_within_their_room_and_order(words: list[str], width: int, rows: int) -> None:
    lines = columns([[(word, "")] for word in words], width, rows)
    assert len(lines) <= rows
    assert all(cell_len("".join(text for text, _ in line)) <= width for line in lines)
    shown = [text for line in lines for text, _ in line if text.strip()]
    assert sorted(shown) == sorted(words[: len(shown)]) or len(shown) < len(words)
