"""Student's t and Fisher's F against scipy."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from llmload.analysis.student import at_most, f_tail, quantile

FREEDOMS = (1.0, 1.7, 4.0, 19.0, 350.0, 1e5, math.inf)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("t", [-40.0, -2.1, -0.01, 0.0, 0.7, 3.3, 1000.0])
def test_probabilities_are_those_of_scipy(t: float, freedom: float) -> None:
    assert at_most(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("freedom", FREEDOMS)
@pytest.mark.parametrize("share", [0.0005, 0.025, 0.5, 0.6, 0.975, 0.9999])
def test_quantiles_are_those_of_scipy(share: float, freedom: float) -> None:
    assert quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-8, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.51, 0.999), st.integers(1, 2000), st.floats(0, 60), st.integers(1, 40))
def test_student_and_fisher_are_scipys(share: float, freedom: int, f: float, over: int) -> None:
    assert quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-8, abs=1e-9)
    assert f_tail(f, over, freedom) == pytest.approx(stats.f.sf(f, over, freedom), rel=1e-7, abs=1e-13)


def test_nothing_is_beyond_infinity() -> None:
    assert (at_most(math.inf, 3), at_most(-math.inf, 3)) == (1.0, 0.0)
