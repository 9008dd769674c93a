from __future__ import annotations

import pytest

from llmload.errors import ScenarioError
from llmload.scenario.document import Place, dotted, parse


def test_paths_are_spelled_as_a_person_would() -> None:
    assert dotted(("load", "phases", 0, "curve")) == "load.phases[0].curve"
    assert dotted(("targets", "a b", "x-y_z")) == 'targets."a b".x-y_z'
    assert dotted(("\x1b",)) == '"\\u001b"'


def test_a_place_that_is_not_known_is_that_of_the_table_around_it() -> None:
    document = parse("[a.b]\nc = 1\n", "t.toml")
    assert document.place(("a", "b", "missing")) == Place("t.toml", 1, 4)
    assert document.place(("nothing",)) == Place("t.toml")


def test_grafting_merges_tables_replaces_the_rest_and_takes_places_along() -> None:
    document = parse("x = [1, 2]\n[t]\na = 1\nb = 2\n[over]\nx = [3]\n[over.t]\nb = 3\n", "t.toml")
    document.graft(("over",))
    assert document.data["x"] == [3]
    assert document.data["t"] == {"a": 1, "b": 3}
    assert document.place(("t", "b")).line == 8
    assert document.place(("t", "a")).line == 3
    assert document.place(("x", 1)).line == 6


@pytest.mark.parametrize("text", ["a = " + "[" * 60 + "]" * 60, "a = " + "[" * 3000, ".".join("a" * 60) + " = 1"])
def test_nesting_beyond_reason_is_a_message(text: str) -> None:
    with pytest.raises(ScenarioError, match="nested too deeply"):
        parse(text, "t.toml")


def test_a_mistake_in_the_syntax_has_its_line_and_column() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse('a = 1\nb = "x\n', "t.toml")
    assert str(caught.value).startswith("t.toml:2:7: not TOML: illegal character")
