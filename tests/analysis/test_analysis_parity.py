"""Whether sides move together: against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from llmload.analysis.compare import Row
from llmload.analysis.difference import Effect, difference
from llmload.analysis.estimate import Estimate, Method
from llmload.analysis.figure import Figure
from llmload.analysis.parity import correlation, over_time, parity, rank_correlation
from llmload.metrics.summary import Summary


def row(a: float, b: float, stat: str = "mean") -> Row:
    sides = (Estimate(value, 0.1, 0.1, 10.0, 50, Method.CALLS) for value in (a, b))
    return Row(Figure("latency", stat), "", difference(*sides, Effect(0.1)))


def test_correlations_are_those_of_scipy() -> None:
    rng = np.random.default_rng(4)
    a = rng.integers(0, 12, 60).astype(float)
    b = a + rng.normal(0, 4, 60).round()
    assert correlation(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert correlation(a, np.ones(60)) is None


def test_a_constant_factor_is_found() -> None:
    found = parity([row(1, 2), row(2, 4.4), row(4, 7.2)])
    assert found is not None
    assert found.factor == pytest.approx((2 * 2.2 * 1.8) ** (1 / 3))
    assert (found.least, found.most) == pytest.approx((1.8, 2.2))
    assert found.figures is not None
    assert found.figures > 0.99


def test_too_little_makes_no_parity() -> None:
    assert parity([row(1, 2), row(2, 4)]) is None
    assert over_time(Summary(), Summary()) is None
