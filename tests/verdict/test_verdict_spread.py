"""Evenness and fairness: held to scipy where it knows the figure, and to the extremes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaincc
from scipy.stats import chisquare
from verdict_runs import Run

from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.spread import chi_square_even, gamma_upper, jain


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=2, max_size=40).filter(any))
def test_the_p_value_is_scipys(counts: list[int]) -> None:
    assert chi_square_even(counts) == pytest.approx(chisquare(counts).pvalue, rel=1e-8, abs=1e-13)


@settings(max_examples=300, deadline=None)
@given(st.floats(0.5, 200), st.floats(0, 500))
def test_the_gamma_function_is_scipys(a: float, x: float) -> None:
    assert gamma_upper(a, x) == pytest.approx(float(gammaincc(a, x)), rel=1e-8, abs=1e-12)


def test_jains_index_goes_from_one_to_one_nth() -> None:
    assert jain([3, 3, 3]) == pytest.approx(1.0)
    assert jain([5, 0, 0, 0]) == pytest.approx(0.25)
    assert jain([0, 0]) is None
    assert chi_square_even([7]) is None


def verdicts(shares: dict[str, int]) -> dict[str, float | None]:
    run = Run(10.0, tags=("instance",))
    for name, count in shares.items():
        run.calls(count, tags=(("instance", name),))
    rules = [
        "spread.even{over=instance} > 0.001",
        "spread.largest{over=instance} < 60%",
        "spread.fairness{over=instance} > 0.9",
        "spread.values{over=instance} >= 2",
    ]
    judged = judge([parse_objective(rule) for rule in rules], run.done())
    return {each.objective.stat: each.observed if each.passed else None for each in judged}


def test_an_even_spread_passes_and_an_uneven_one_does_not() -> None:
    assert None not in verdicts({"a": 95, "b": 105, "c": 100}).values()
    assert set(verdicts({"a": 290, "b": 5, "c": 5}).values()) == {None, 3}


def test_one_instance_that_takes_all_is_never_even() -> None:
    assert verdicts({"a": 300}) == {"even": None, "largest": None, "fairness": 1.0, "values": None}
