from __future__ import annotations

import ast
import subprocess
import sys
import unicodedata

import pytest

from llmload.draws import Draws
from llmload.workload.text import KINDS, compose, stock
from llmload.workload.tokens import estimate_tokens


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_exactly_the_wished_tokens(kind: str) -> None:
    for wished in (*range(1, 400), 1000, 4096, 50_000):
        assert estimate_tokens(compose(kind, wished, Draws(1, wished), wished)) == wished


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", [8, 10, 50, 600])
def test_no_two_texts_are_alike_nor_begin_alike(kind: str, tokens: int) -> None:
    texts = [compose(kind, tokens, Draws(1, k), k) for k in range(1500)]
    assert len({text[:18] for text in texts}) == len(texts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_no_control_characters_but_line_breaks_and_is_plain_ascii(kind: str) -> None:
    for k in range(200):
        text = compose(kind, 20 + k, Draws(2, k), k)
        assert text.isascii()
        assert text == text.strip()
        assert not [letter for letter in text if unicodedata.category(letter) == "Cc" and letter != "\n"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_slot_of_every_frame_is_filled(kind: str) -> None:
    ready = stock(kind)
    for text, cost in (*ready.openings, *ready.pieces):
        assert "%" not in text
        assert cost == estimate_tokens(text)


@pytest.mark.parametrize("kind", KINDS)
def test_the_stock_is_varied_and_leaves_no_length_out(kind: str) -> None:
    ready = stock(kind)
    assert len(ready.pieces) > 200
    assert min(ready.wholes) == 1
    assert max(ready.wholes) >= 8
    assert set(ready.closings) == set(range(ready.least, ready.most + 1))
    # What is left after any piece can be closed: no text needs a closing that there is none of.
    assert ready.least <= 3
    assert ready.most >= 2 * ready.least


def test_every_python_piece_is_python() -> None:
    for text, _ in stock("python").pieces:
        ast.parse(text)


def test_every_javascript_piece_closes_what_it_opens() -> None:
    for text, _ in stock("javascript").pieces:
        assert [text.count(opening) for opening in "({["] == [text.count(closing) for closing in ")}]"]


def test_a_text_of_no_tokens_still_has_one() -> None:
    assert estimate_tokens(compose("prose", 0, Draws(1, 1), 1)) == 1


def test_texts_are_the_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "from llmload.workload.text import *; from llmload.draws import Draws\n"
        "print([compose(kind, 300, Draws(5, 6), 7) for kind in KINDS])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "12345"}
    )
    assert run.stdout.strip() == repr([compose(kind, 300, Draws(5, 6), 7) for kind in KINDS])
