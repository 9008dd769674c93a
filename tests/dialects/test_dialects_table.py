"""The table of dialects."""

from __future__ import annotations

import pytest

from llmload.dialects import DIALECTS, dialect
from llmload.errors import UsageError


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_stands_under_its_own_name(name: str) -> None:
    assert dialect(name) is DIALECTS[name]
    assert dialect(name).name == name
    assert dialect(name).apis


def test_an_unknown_dialect_is_a_usage_error_with_a_guess() -> None:
    with pytest.raises(UsageError, match=r"unknown dialect 'OpenIA': did you mean 'openai'\? known: openai"):
        dialect("OpenIA")
    with pytest.raises(UsageError, match=r"unknown dialect 'smtp': known: openai"):
        dialect("smtp")
