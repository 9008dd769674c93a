from __future__ import annotations

from typing import Any

import pytest

from llmload.scenario.document import parse
from llmload.scenario.interpolate import Interpolation


def filled(text: str, **environ: str) -> tuple[Any, Interpolation]:
    document = parse(f"a = '''{text}'''", "t.toml")
    interpolation = Interpolation(environ)
    interpolation.fill(document)
    return document.data["a"], interpolation


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${X}", "1"),
        ("a${X}b${X}", "a1b1"),
        ("${NONE:-d}", "d"),
        ("${NONE:-}", ""),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY}", ""),
        ("$$ $${X} $5 $", "$ ${X} $5 $"),
        ("${NONE:-a:-b}", "a:-b"),
    ],
)
def test_references_are_filled_in_as_a_shell_would(text: str, value: str) -> None:
    found, interpolation = filled(text, X="1", EMPTY="")
    assert found == value
    assert interpolation.problems == []


@pytest.mark.parametrize("text", ["${", "${}", "${1x}", "${a b}"])
def test_a_malformed_reference_is_a_problem_that_says_how_to_write_a_dollar(text: str) -> None:
    _, interpolation = filled(text)
    assert "$${" in interpolation.problems[0].hint


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    assert filled("${X}", X="${Y}", Y="2")[0] == "${Y}"


def test_values_of_variables_named_like_credentials_are_remembered_as_secrets() -> None:
    environ = {
        "HF_TOKEN": "t-1234",
        "OPENAI_API_KEY": "k-1234",
        "DB_PASSWORD": "p-1234",
        "REGION": "eu-west",
        "A_KEY": "x",
    }
    _, interpolation = filled("".join(f"${{{name}}}" for name in environ), **environ)
    assert interpolation.secrets == {"t-1234", "k-1234", "p-1234"}


def test_keys_numbers_and_the_demonstration_are_left_alone() -> None:
    document = parse('"${X}" = 1\n[demo.set]\nname = "${X}"\n[t]\nl = [{ v = "${X}" }]\n', "t.toml")
    Interpolation({"X": "1"}).fill(document)
    assert document.data == {"${X}": 1, "demo": {"set": {"name": "${X}"}}, "t": {"l": [{"v": "1"}]}}
