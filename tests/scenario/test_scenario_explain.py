from __future__ import annotations

import pytest
from scenario_kit import HERE, SMALL, loaded, only_problem, problems, source

from llmload.errors import ScenarioError
from llmload.scenario.compile import compile_scenario
from llmload.scenario.load import load_scenario


def test_the_messages_about_a_thoroughly_broken_scenario_are_these() -> None:
    """A change of any message shows here; look at it as a user would, then write the new text to the file."""
    text = (HERE / "golden" / "broken.toml").read_text()
    with pytest.raises(ScenarioError) as caught:
        compile_scenario(load_scenario(source(text, "broken.toml"), environ={}))
    assert f"{caught.value}\n" == (HERE / "golden" / "broken.txt").read_text()


def test_an_unknown_key_names_its_place_and_the_near_one() -> None:
    problem = only_problem(SMALL.replace("rate =", "ratee ="), None, "load.rate=1/s")
    assert str(problem) == "test.toml:8:1: load.ratee: unknown key\n    did you mean rate?"


def test_an_unknown_key_near_to_none_lists_those_there_are() -> None:
    assert only_problem(SMALL + "[budget]\nzzz = 1\n").hint == "there is ask, stop"


def test_tags_of_unions_are_no_part_of_the_key() -> None:
    text = SMALL.replace('rate = "10/s"', 'curve = { type = "ramp", from = "1/s", to = "x" }')
    assert only_problem(text).key == "load.curve.to"


def test_a_typo_does_not_hide_what_else_is_wrong() -> None:
    found = problems(SMALL.replace("[classes.chat]", '[classes.chat]\ntarget = "x"\nwieght = 3'))
    assert [problem.key for problem in found] == ["classes.chat.target", "classes.chat.wieght"]


def test_an_empty_scenario_misses_its_three_tables() -> None:
    assert [problem.key for problem in problems("")] == ["targets", "classes", "load"]


def test_tables_that_are_no_tables_are_said_to_be_so() -> None:
    found = problems("targets = 1\nload = []\n[classes]\na = 'x'\n")
    assert {problem.key: problem.what for problem in found} == {
        "targets": "must be a table",
        "load": "must be a table",
        "classes.a": "must be a table",
    }
    assert loaded("targets = 1").simulated is False
