"""The backward CUSUM: how often it is wrong, what it finds, and scores that are as normal as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from llmload.analysis.cusum import HIGHEST_SCORE, count_score, decision_interval, ends_of_excess, normal_score


@pytest.mark.parametrize("freedom", [2, 5, 30, 300])
def test_a_normal_score_has_the_tail_of_students_t(freedom: int) -> None:
    t = np.array([-6.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 6.0])
    assert normal_score(t, freedom) == pytest.approx(stats.norm.ppf(stats.t.cdf(t, freedom)), abs=0.09)


@pytest.mark.parametrize(("length", "reference"), [(10, 0.5), (60, 0.75), (400, 0.6)])
def test_without_a_shift_it_is_crossed_as_rarely_as_was_asked(length: int, reference: float) -> None:
    interval = decision_interval(length, reference, 0.05)
    scores = np.random.default_rng(5).standard_normal((4000, length))
    wrong = float((ends_of_excess(scores, reference, interval) > 0).mean())
    assert wrong <= 0.055, "4000 draws: 0.05 and a standard error and a half"
    assert wrong > 0.01, "and not so rarely that nothing could be found"


def test_it_ends_where_the_latest_excess_does() -> None:
    scores = np.array([0.0, 5.0, 5.0, 0.0, 0.0, 3.0, 3.0, 3.0, -1.0, 0.2, 0.0])
    assert ends_of_excess(scores, 0.5, 5.0).tolist() == [8]
    assert ends_of_excess(scores[:5], 0.5, 5.0).tolist() == [3]


def test_a_small_shift_that_lasts_is_found_too() -> None:
    noise = np.random.default_rng(3).standard_normal((300, 200))
    noise[:, :120] += 1.5
    ends = ends_of_excess(noise, 0.5, decision_interval(200, 0.5, 0.05))
    assert np.median(ends) == pytest.approx(120, abs=2)


@pytest.mark.parametrize(("failed", "of", "before", "of_before"), [(0, 20, 0, 300), (3, 20, 3, 300), (30, 100, 1, 80)])
def test_a_count_is_scored_by_the_beta_binomial_distribution(failed: int, of: int, before: int, of_before: int) -> None:
    law = stats.betabinom(of, before + 0.5, of_before - before + 0.5)
    middle = law.cdf(failed) - law.pmf(failed) / 2
    assert count_score(failed, of, before, of_before) == pytest.approx(stats.norm.ppf(middle), abs=1e-6)


def test_no_score_is_beyond_what_a_normal_distribution_can_say() -> None:
    assert count_score(1000, 1000, 0, 100_000) == HIGHEST_SCORE
