from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.errors import UsageError
from llmload.scenario.document import Document, parse
from llmload.scenario.overrides import assign, split_key


def after(text: str, *overrides: str) -> dict[str, Any]:
    document = parse(text, "t.toml")
    for override in overrides:
        assign(document, override)
    return document.data


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("a=5", 5),
        ("a=5/s", "5/s"),
        ("a=true", True),
        ("a=0.5", 0.5),
        ('a="5"', "5"),
        ("a=[1, 2]", [1, 2]),
        ('a={ type = "x" }', {"type": "x"}),
        ("a=", ""),
        ("a=b=c", "b=c"),
        ("a=2024-01-01", "2024-01-01"),
        ("a=1\nb = 2", "1\nb = 2"),
        ("a=gpt-4.1", "gpt-4.1"),
        (" a = 1", 1),
    ],
)
def test_values_are_toml_or_else_strings(override: str, value: object) -> None:
    assert after("", override) == {"a": value}


def test_keys_reach_into_tables_and_arrays() -> None:
    text = "[[load.phases]]\nname = 'a'\n[[load.phases]]\nname = 'b'\n"
    phases = after(text, "load.phases[1].name=c", "load.phases.0.name=d", 'targets."a.b=c".model=m')
    assert phases["load"]["phases"] == [{"name": "d"}, {"name": "c"}]
    assert phases["targets"] == {"a.b=c": {"model": "m"}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("load.rate", 'no "=" in it'),
        ("=3", "is not a key"),
        ("a..b=3", "is not a key"),
        ("a.b[x]=3", "is not a key"),
        ("list.5=x", "list: has no entry '5'\n    its 3 entries are numbered from 0"),
        ("list.x=1", "has no entry 'x'"),
        ("list[0].x=1", "list[0]: is not a table"),
        ("a.b=" + "[" * 60 + "]" * 60, "nested too deeply"),
        (".".join("a" * 60) + "=1", "nested too deeply"),
    ],
)
def test_what_can_not_be_set_is_said(override: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        after("list = [1, 2, 3]", override)
    assert message in str(caught.value)


@given(st.lists(st.text("ab_-", min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_key_splits_into_the_parts_it_was_joined_from(parts: list[str]) -> None:
    assert split_key(".".join(parts)) == parts


@given(st.text(max_size=30))
def test_any_text_is_an_override_or_a_message(text: str) -> None:
    document = Document({}, {}, "t")
    with suppress(UsageError):
        assign(document, text)
        assert document.data
