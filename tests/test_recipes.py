"""Texts with variables: what they give, and what is said of those that are wrong."""

from __future__ import annotations

import pickle
import uuid

import pytest

from llmload.recipes import VARIABLES, HttpRecipe, Pattern, Values

VALUES = Values(seed=7, index=3, prompt='say "hi"\n', model="m", at=1700000000.9)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("", ""),
        ("/x/{{index}}", "/x/3"),
        ("{{ index }}{{index}}", "33"),
        ('{"a": {"b": {{prompt|json}}}}', '{"a": {"b": "say \\"hi\\"\\n"}}'),
        ("{{prompt|url}}", "say%20%22hi%22%0A"),
        ("{{timestamp}} {{model}} {{message}}", "1700000000 m 0"),
        ("{{index|json}}", "3"),
        ("{{random:5:5}}", "5"),
    ],
)
def test_variables_are_filled_in(text: str, filled: str) -> None:
    assert Pattern.of(text).fill(VALUES) == filled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{indx}}", r"no variable \{\{indx\}\}; there are index"),
        ("{{index", r"has no closing \}\}"),
        ("{{index|xml}}", r"there are \|json and \|url"),
        ("{{random:6:1}}", r"as in \{\{random:1:100\}\}"),
        ("{{random:x:1}}", r"as in \{\{random:1:100\}\}"),
        ("{{index:1:2}}", "only random takes numbers"),
        ("{{}}", "is no variable"),
        ("{{a b}}", "is no variable"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Pattern.of(text)


def test_what_is_random_differs_by_call_and_seed_and_is_the_same_again() -> None:
    text = Pattern.of("{{uuid}} {{nonce}} {{random}}")
    seen = {text.fill(Values(seed, index)) for seed in range(20) for index in range(50)}
    assert len(seen) == 1000
    assert text.fill(Values(4, 4)) in seen
    assert uuid.UUID(Pattern.of("{{uuid}}").fill(VALUES)).version == 4


def test_random_numbers_reach_both_bounds_and_not_beyond() -> None:
    dice = Pattern.of("{{random:1:6}}")
    assert {dice.fill(Values(1, index)) for index in range(500)} == set("123456")


def test_one_value_all_through_a_request() -> None:
    first, second = Pattern.of("{{uuid}} {{uuid}}").fill(VALUES).split()
    assert first == second


def test_a_recipe_crosses_process_borders_and_knows_its_variables() -> None:
    recipe = HttpRecipe("POST", Pattern.of("/{{index}}"), (("X", Pattern.of("{{uuid}}")),), Pattern.of("{{prompt}}"))
    again = pickle.loads(pickle.dumps(recipe))
    assert again == recipe
    assert again.names == {"index", "uuid", "prompt"}
    assert all(meaning for meaning, _ in VARIABLES.values())
