"""Colour and width follow the stream and what the user asked of it."""

from __future__ import annotations

import io
import os

import pytest

from llmload.reports.style import Style, style_for


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda _: os.terminal_size((100, 40)))


def test_a_terminal_gets_its_width_and_colours() -> None:
    assert style_for(Terminal(), environ={"TERM": "xterm"}) == Style(100, True, True, 40)


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_is_left_out_where_it_is_not_wanted(environ: dict[str, str]) -> None:
    assert not style_for(Terminal(), environ=environ).color


def test_an_empty_no_color_counts_as_unset() -> None:
    assert style_for(Terminal(), environ={"NO_COLOR": ""}).color


def test_a_pipe_or_file_is_plain_and_80_wide() -> None:
    assert style_for(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), environ={}) == Style(80, False, True)
    assert style_for(None, environ={}) == Style(80, False, True)


def test_a_width_that_was_asked_for_is_kept() -> None:
    assert style_for(Terminal(), width=72, environ={}).width == 72


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_our_signs_gets_ascii(encoding: str) -> None:
    assert not style_for(Terminal(encoding), environ={}).unicode
