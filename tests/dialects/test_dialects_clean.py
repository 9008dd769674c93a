"""Server text on its way to a terminal, a log or a report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dialects.clean import LINE_LIMIT, clean_line


@given(st.text(max_size=600) | st.text("\x1b\x9b\x9d[]0;m\x07\\ a", max_size=600), st.integers(1, 400))
def test_any_text_becomes_one_bounded_printable_line(text: str, limit: int) -> None:
    line = clean_line(text, limit)
    assert len(line) <= limit
    assert line == "" or line.isprintable()
    assert len(line.splitlines()) <= 1
    assert "  " not in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain words", "plain words"),
        ("two\r\nlines\tand  more", "two lines and more"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bcreset", "reset"),
        ("C1\x85and DEL\x7fand\u2028separators\u202eand overrides", "C1 and DEL and separatorsand overrides"),
        ("žluť 你好 🐎", "žluť 你好 🐎"),
        ("key sk-proj-abcdefgh12345678 refused", "key sk-[hidden] refused"),
        ("Authorization: Bearer eyJhbGciOi.J9", "Authorization: Bearer [hidden]"),
        ("密钥sk-abcdefgh12345678无效", "密钥sk-[hidden]无效"),
        ("the bearer of bad news; risk-averse; sk-short", "the bearer of bad news; risk-averse; sk-short"),
    ],
)
def test_what_a_terminal_would_obey_and_what_nobody_should_read_goes(text: str, line: str) -> None:
    assert clean_line(text) == line


def test_a_long_line_says_that_it_was_cut() -> None:
    line = clean_line("x" * 10_000)
    assert line == "x" * (LINE_LIMIT - 1) + "…"


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    """A hostile gigabyte costs no more than a page: nothing after the part that can be shown matters."""
    begin = "a" * 5000
    assert clean_line(begin + "\x1b[" * 1_000_000) == clean_line(begin)
