from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from llmload.draws import Draws
from llmload.workload.lengths import check, draw, highest, mean
from llmload.workload.spec import Lengths

CATALOGUE = Lengths(
    "choice",
    parts=(
        (30.0, Lengths("uniform", low=10, high=50)),
        (50.0, Lengths("uniform", low=50, high=150)),
        (20.0, Lengths("uniform", low=150, high=500)),
    ),
)
KINDS = [
    Lengths("fixed", low=64),
    Lengths("uniform", low=10, high=50),
    Lengths("uniform", low=7, high=7),
    Lengths("normal", low=1, mean=150.0, sd=30.0),
    Lengths("normal", low=100, high=160, mean=150.0, sd=60.0),
    Lengths("normal", low=1, high=500, mean=150.0, sd=0.0),
    Lengths("normal", low=1, high=10, mean=500.0, sd=3.0),
    Lengths("lognormal", low=1, mean=150.0, sd=100.0),
    Lengths("lognormal", low=0, mean=3.0, sd=4.0),
    Lengths("lognormal", low=50, high=300, mean=150.0, sd=200.0),
    Lengths("lognormal", low=1, high=500, mean=150.0, sd=0.0),
    Lengths("lognormal", low=1000, high=2000, mean=1.0, sd=0.001),
    CATALOGUE,
    Lengths("choice", parts=((0.0, Lengths("fixed", low=5)), (1.0, CATALOGUE))),
]
COUNT = 20_000


def sample(lengths: Lengths, count: int = COUNT) -> np.ndarray:
    draws = Draws(1, 2)
    return np.array([draw(lengths, draws) for _ in range(count)])


@pytest.mark.parametrize("lengths", KINDS, ids=str)
def test_draws_stay_within_bounds_and_hit_the_mean(lengths: Lengths) -> None:
    check(lengths)
    drawn = sample(lengths)
    assert drawn.min() >= (lengths.low if lengths.kind != "choice" else 10)
    assert drawn.max() <= (highest(lengths) or math.inf)
    # Rounding to whole numbers moves a mean by next to nothing, unless the numbers are tiny.
    slack = 4 * drawn.std() / math.sqrt(COUNT) + 0.02
    assert mean(lengths) == pytest.approx(drawn.mean(), abs=slack)


def test_uniform_draws_are_even_over_both_ends() -> None:
    counts = np.bincount(sample(Lengths("uniform", low=0, high=9)))
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize(("low", "high"), [(1, 0), (120, 170)])
def test_normal_draws_are_normal_within_their_bounds(low: int, high: int) -> None:
    lengths = Lengths("normal", low=low, high=high, mean=150.0, sd=25.0)
    values, counts = np.unique(sample(lengths), return_counts=True)
    normal = stats.norm(150.0, 25.0)
    whole = (normal.cdf(high + 0.5) if high else 1.0) - normal.cdf(low - 0.5)
    wished = COUNT * (normal.cdf(values + 0.5) - normal.cdf(values - 0.5)) / whole
    many = wished > 8
    chi_square = ((counts - wished)[many] ** 2 / wished[many]).sum()
    assert chi_square < stats.chi2.ppf(0.99, many.sum())


def test_lognormal_mean_and_sd_are_those_of_the_number_itself() -> None:
    drawn = sample(Lengths("lognormal", low=1, mean=400.0, sd=300.0), 100_000)
    assert drawn.mean() == pytest.approx(400.0, rel=0.01)
    assert drawn.std() == pytest.approx(300.0, rel=0.04)


def test_a_choice_takes_its_parts_by_weight() -> None:
    drawn = sample(CATALOGUE)
    assert (drawn < 50).mean() == pytest.approx(0.3 * 40 / 41, abs=0.012)
    assert (drawn > 150).mean() == pytest.approx(0.2 * 350 / 351, abs=0.012)


def test_the_highest_is_known_where_there_is_a_bound() -> None:
    assert highest(Lengths("fixed", low=8)) == 8
    assert highest(Lengths("uniform", low=1, high=32)) == 32
    assert highest(Lengths("normal", low=1, mean=5, sd=1)) is None
    assert highest(CATALOGUE) == 500
    assert highest(Lengths("choice", parts=((1, CATALOGUE), (1, Lengths("lognormal", mean=5, sd=1))))) is None


@settings(max_examples=50)
@given(st.integers(1, 100), st.integers(0, 400), st.floats(0.5, 1000), st.floats(0, 1000), st.booleans())
def test_any_bounds_hold_for_any_distribution(low: int, more: int, centre: float, sd: float, logarithmic: bool) -> None:
    lengths = Lengths("lognormal" if logarithmic else "normal", low=low, high=low + more, mean=centre, sd=sd)
    drawn = sample(lengths, 50)
    assert low <= drawn.min()
    assert drawn.max() <= low + more
    assert low - 0.5 - 1e-6 <= mean(lengths) <= low + more + 0.5 + 1e-6


@pytest.mark.parametrize(
    ("lengths", "says"),
    [
        (Lengths("fixed", low=-1), "below 0"),
        (Lengths("uniform", low=5, high=4), "the highest length, 4, is below the lowest, 5"),
        (Lengths("uniform", low=5), "below the lowest"),
        (Lengths("normal", low=5, high=2, mean=3, sd=1), "below the lowest"),
        (Lengths("normal", low=1, mean=0, sd=1), "mean above 0"),
        (Lengths("lognormal", low=1, mean=5, sd=-1), "sd of 0 or more"),
        (Lengths("choice"), "needs parts"),
        (Lengths("choice", parts=((0.0, CATALOGUE),)), "at least one of them above 0"),
        (Lengths("choice", parts=((1.0, Lengths("uniform", low=5, high=4)),)), "below the lowest"),
    ],
)
def test_lengths_that_cannot_be_drawn_are_refused_in_words(lengths: Lengths, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check(lengths)
