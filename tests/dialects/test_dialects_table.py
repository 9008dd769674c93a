"""The table of dialects."""

from __future__ import annotations

import pytest

from llmload.dialects import DIALECTS, dialect
from llmload.errors import UsageError


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_stands_under_its_own_name(name: str) -> None:
    kind = DIALECTS[name]
    made = dialect(name, dict.fromkeys(kind.needed, "x"))
    assert made.name == kind.name == name
    assert made.apis == kind.apis
    assert made.apis


@pytest.mark.parametrize("name", DIALECTS)
def test_every_option_is_explained_and_what_is_needed_is_an_option(name: str) -> None:
    kind = DIALECTS[name]
    assert all(kind.options.values())
    assert kind.needed <= kind.options.keys()
    assert not kind.sim_base or kind.sim_base.startswith("/")


def test_an_unknown_dialect_is_a_usage_error_with_a_guess() -> None:
    with pytest.raises(UsageError, match=r"unknown dialect 'OpenIA': did you mean 'openai'\? known: .*openai"):
        dialect("OpenIA")
    with pytest.raises(UsageError, match=r"unknown dialect 'smtp': known: .*openai"):
        dialect("smtp")
