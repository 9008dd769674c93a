"""The best value is searched for on curves whose peak is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.analysis.peak import Measured, Peak, next_best, peak
from llmload.analysis.search import Aim, Ended

Curve = Callable[[float], float | None]


def sought(curve: Curve, aim: Aim, error: float = 0.001, seed: int = 1) -> tuple[list[Measured], Peak]:
    """The steps of a search with noise of that size, and what it found."""
    rng, measured = np.random.default_rng(seed), list[Measured]()
    while (value := next_best(aim, measured)) is not None:
        figure = curve(value)
        noisy = None if figure is None else figure + error * rng.standard_normal()
        measured.append(Measured(value, noisy, error))
    return measured, peak(aim, measured)


@settings(max_examples=200, deadline=None)
@given(truth=st.floats(1.0, 900.0), start=st.floats(1.0, 900.0), seed=st.integers(0, 1000))
def test_a_peak_is_found_within_what_noise_and_precision_let_be_told(truth: float, start: float, seed: int) -> None:
    aim = Aim(start, 1.0, 1000.0)
    measured, found = sought(lambda value: -abs(math.log(value / truth)), aim, 0.001, seed)
    assert len(measured) <= aim.most
    assert found.ended is Ended.FOUND
    assert found.value == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("start", [1, 16, 300])
def test_of_a_figure_that_levels_off_the_smallest_value_that_is_as_good_is_taken(start: int) -> None:
    aim = Aim(start, 1, 1024, whole=True)
    measured, found = sought(lambda value: min(value, 20.0), aim, 0.1)
    assert found.value is not None
    assert 20 <= found.value <= 23
    assert found.high >= 32
    assert len(measured) < 15


def test_the_ends_of_what_is_allowed_can_be_best() -> None:
    rising, falling = (sought(curve, Aim(8, 2, 64, whole=True))[1] for curve in (lambda v: v, lambda v: -v))
    assert (rising.value, falling.value) == (64, 2)


def test_values_without_a_figure_bound_it() -> None:
    """Beyond 100 the objectives are missed."""
    _, found = sought(lambda value: value if value <= 100 else None, Aim(8.0, 1.0, 4096.0))
    assert found.value == pytest.approx(100, rel=0.1)
    assert found.value is not None
    assert found.value <= 100


def test_no_figure_at_all_is_given_up() -> None:
    measured, found = sought(lambda value: None, Aim(64.0, 1.0, 100.0))
    assert (len(measured), found.value, found.ended) == (4, None, Ended.INVALID)


def test_it_is_not_over_before_it_is() -> None:
    aim = Aim(8.0, 1.0, 64.0)
    assert peak(aim, [Measured(8.0, 1.0, 0.1)]).ended is Ended.NOT
    assert peak(Aim(8.0, 1.0, 64.0, most=1), [Measured(8.0, 1.0, 0.1)]).ended is Ended.STEPS
