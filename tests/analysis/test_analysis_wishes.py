from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.analysis.wishes import fits

CASES = [
    ("3.11.7", "3.11.7", True),
    ("3.11.7", "3.11", False),
    ("Linux 6.1", "Linux*", True),
    ("anything", "*", True),
    ("a.c", "a?c", False),
    ("axc", "a.c", False),
    ("0.6.3", ">=0.6", True),
    ("0.6", ">=0.6.0", True),
    ("0.10.0", ">0.9", True),
    ("0.5.9", ">=0.6", False),
    ("0.6.0rc1", ">=0.6", False),
    ("0.6.0.dev3", ">=0.6", False),
    ("0.6.0rc1", ">=0.5", True),
    ("v0.6.1", ">=0.6", True),
    ("0.6.3+cu118", ">=0.6.3", True),
    ("0.7.2", ">=0.6, <0.8", True),
    ("0.8.0", ">=0.6,<0.8", False),
    ("0.8.0", "!=0.8", False),
    ("0.8.1", "!=0.8", True),
    ("nightly", "!=0.8", True),
    ("nightly", ">=0.6", None),
    ("nightly", ">=0.6, <0.8", None),
    ("15.6 GiB", ">=15.55 GiB", True),
    ("15.6 GiB", "<8 GiB", False),
    ("15.6 GiB", ">=8 GB", None),
    ("15.6 GiB", ">=8", None),
    ("0.02%", "<0.1%", True),
    ("1.5 cores", ">1", None),
    ("65536", ">=20000", True),
    ("3.11", ">=", None),
    ("0.52 0.40 0.30", "<1", None),
]


@pytest.mark.parametrize(("value", "wished", "answer"), CASES)
def test_wishes(value: str, wished: str, answer: bool | None) -> None:
    assert fits(value, wished) is answer


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_value_and_any_wish_have_an_answer(value: str, wished: str) -> None:
    assert fits(value, wished) in (True, False, None)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_versions_are_ordered_number_by_number(one: list[int], other: list[int]) -> None:
    mine, theirs = (".".join(map(str, each)) for each in (one, other))
    padded = [[*each, 0, 0, 0, 0][:4] for each in (one, other)]
    assert fits(mine, f">={theirs}") is (padded[0] >= padded[1])
    assert fits(mine, f"<{theirs}") is (padded[0] < padded[1])
