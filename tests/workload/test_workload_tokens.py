from __future__ import annotations

import inspect
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.workload import tokens
from llmload.workload.tokens import estimate_tokens

PROSE = """\
The committee met on Tuesday to consider the proposal. Most members had read the report in advance, and the
discussion was short. Two of them thought that the figures for the second year were too high; the others felt
that they could be reached with a little care. In the end they agreed to wait until the winter before deciding."""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" ", 1),
        ("a", 1),
        ("What is machine learning?", 5),
        ("Hello, world!", 4),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ('print("Hello, World!")', 6),
        ("1234567", 3),
        ("snake_case and camelCase", 5),
        ("one\n\n    two", 3),
    ],
)
def test_simple_texts_count_as_tokenizers_count_them(text: str, count: int) -> None:
    assert estimate_tokens(text) == count


def test_english_prose_is_about_five_tokens_to_four_words() -> None:
    assert 1.1 < estimate_tokens(PROSE) / len(PROSE.split()) < 1.4


def test_code_is_about_three_to_four_characters_a_token() -> None:
    source = textwrap.dedent(inspect.getsource(tokens.estimate_tokens) + inspect.getsource(tokens._cost))
    assert 2.7 < len(source) / estimate_tokens(source) < 4.5


def test_other_scripts_cost_more_per_letter() -> None:
    assert estimate_tokens("你好世界") == 4
    assert estimate_tokens("привет") == 3
    assert estimate_tokens("naïve café") > estimate_tokens("naive cafe")


@given(st.text(max_size=200))
def test_any_text_has_an_estimate_from_one_token_to_one_per_byte(text: str) -> None:
    count = estimate_tokens(text)
    assert bool(text) <= count <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text("abcXYZ ,.(1_\n", max_size=80), st.text("abcXYZ,.(1_", min_size=1, max_size=80), st.sampled_from(" \n"))
def test_parts_that_meet_at_white_space_cost_what_they_cost_apart(before: str, after: str, joint: str) -> None:
    before = before.rstrip() + "."
    assert estimate_tokens(before + joint + after) == estimate_tokens(before) + (joint == "\n") + estimate_tokens(after)
