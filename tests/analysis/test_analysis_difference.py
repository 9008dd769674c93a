"""Two figures against each other: against scipy, and by what intervals are worth where the truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from llmload.analysis.difference import Change, Effect, difference, holm
from llmload.analysis.estimate import (
    Estimate,
    Method,
    mean_of_calls,
    of_runs,
    percentile_of_calls,
    share_of_calls,
)
from llmload.metrics.buckets import FINE, Counts
from llmload.metrics.histogram import Histogram

RUNS = 500
CHANCE = 2.6 * math.sqrt(0.95 * 0.05 / RUNS)


def histogram(seconds: np.ndarray) -> Histogram:
    made = Histogram()
    values = np.round(seconds * 1e6).astype(np.int64)
    places, counts = np.unique(FINE.index(values), return_counts=True)
    made.add(Counts(places, counts, int(values.sum()), int(values.min()), int(values.max()), 0))
    return made


def estimate(value: float, error: float, freedom: float = math.inf) -> Estimate:
    return Estimate(value, error, error, freedom, 100, Method.CALLS)


def test_symmetric_errors_make_welchs_interval() -> None:
    rng = np.random.default_rng(2)
    a, b = np.exp(rng.normal(0, 0.2, 9)), np.exp(rng.normal(0.3, 0.5, 5))
    found = difference(of_runs(a.tolist(), log=True), of_runs(b.tolist(), log=True), Effect(0.1))
    judged = stats.ttest_ind(np.log(b), np.log(a), equal_var=False)
    bounds = judged.confidence_interval(0.95)
    assert found.interval == pytest.approx((math.exp(bounds.low), math.exp(bounds.high)), rel=1e-6)
    assert 1 - found.worse == pytest.approx(judged.pvalue / 2, rel=1e-5)


def test_two_shares_make_newcombes_interval() -> None:
    # R. G. Newcombe, 1998, table II, (a): 56/70 - 48/80, method 10.
    found = difference(share_of_calls(48, 80, 0.95), share_of_calls(56, 70, 0.95), Effect(0.01, log=False))
    assert found.interval == pytest.approx((0.0524, 0.3339), abs=1e-4)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (0.0, 0.0), (0.02, 0.9), (1.0, 0.0)])
def test_shares_differ_by_no_more_than_can_be(a: float, b: float) -> None:
    """Two runs a side know their share with one degree of freedom: twelve standard errors, beyond 0 and 1."""
    sides = [Estimate(share, 0.12, 0.12, 1.0, 2, Method.RUNS) for share in (a, b)]
    low, high = difference(*sides, Effect(0.01, log=False)).interval
    assert -1 <= low <= b - a <= high <= 1
    unreached = [replace(side, above=math.inf) for side in sides]
    assert math.isinf(difference(*unreached, Effect(0.01, log=False)).interval[1])


def test_a_share_of_none_is_still_uncertain() -> None:
    found = difference(share_of_calls(0, 50, 0.95), share_of_calls(0, 50, 0.95), Effect(0.01, log=False))
    assert found.change is Change.UNCLEAR
    assert found.interval[1] == pytest.approx(0.0714, abs=1e-3)


@pytest.mark.parametrize(
    ("ratio", "error", "better", "change"),
    [
        (1.3, 0.05, "lower", Change.WORSE),
        (1.3, 0.05, "higher", Change.BETTER),
        (0.7, 0.05, "lower", Change.BETTER),
        (0.7, 0.05, "higher", Change.WORSE),
        (1.05, 0.05, "lower", Change.SAME),
        (1.05, 0.01, "lower", Change.SAME),
        (1.15, 0.05, "lower", Change.UNCLEAR),
        (1.3, 0.2, "lower", Change.UNCLEAR),
        (1.0, 0.2, "lower", Change.UNCLEAR),
    ],
)
def test_a_verdict_takes_certainty_and_size(ratio: float, error: float, better: str, change: Change) -> None:
    effect = Effect(0.2, better)  # type: ignore[arg-type]
    assert difference(estimate(1.0, 0.0), estimate(ratio, error), effect).change is change


def test_what_is_needed_is_enough() -> None:
    """With as many times the calls, errors shrink by the root, and the same difference is told."""
    for ratio in (1.0, 1.1, 1.3):
        found = difference(estimate(1.0, 0.3), estimate(ratio, 0.3), Effect(0.2))
        assert found.change is Change.UNCLEAR
        shrunk = 0.3 / math.sqrt(found.needed)
        told = difference(estimate(1.0, shrunk), estimate(ratio, shrunk), Effect(0.2))
        assert told.change is (Change.WORSE if ratio > 1.2 else Change.SAME)


def test_what_the_sample_does_not_reach_is_left_open() -> None:
    few = histogram(np.linspace(1, 2, 20))
    side = percentile_of_calls(few, 95.0, 0.95)
    assert math.isinf(side.above)
    assert not math.isinf(side.below)
    found = difference(side, side, Effect(0.2))
    assert (found.change, found.told, found.needed) == (Change.UNCLEAR, False, math.inf)


def test_figures_that_have_no_logarithm_can_not_be_told() -> None:
    for a, b in ((0.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (1.0, math.inf)):
        assert difference(estimate(a, 0.1), estimate(b, 0.1), Effect(0.2)).change is Change.UNCLEAR


@pytest.mark.parametrize("count", [20, 100])
@pytest.mark.parametrize("sigma", [0.25, 0.5])
def test_intervals_of_the_ratio_of_means_hold_what_they_promise(count: int, sigma: float) -> None:
    rng = np.random.default_rng(count)
    held = sum(_holds(rng, count, sigma, mean_of_calls) for _ in range(RUNS))
    assert abs(held / RUNS - 0.95) <= 0.02 + CHANCE


@pytest.mark.parametrize(("count", "p"), [(60, 50.0), (200, 50.0), (200, 95.0), (1000, 95.0)])
def test_intervals_of_the_ratio_of_percentiles_hold_what_they_promise(count: int, p: float) -> None:
    rng = np.random.default_rng(count)
    held = sum(_holds(rng, count, 0.5, lambda values: percentile_of_calls(values, p, 0.95)) for _ in range(RUNS))
    assert abs(held / RUNS - 0.95) <= 0.02 + CHANCE


def _holds(rng: np.random.Generator, count: int, sigma: float, of: object) -> bool:
    """Whether the interval of B / A, both lognormal and B 1.3 times A, holds 1.3."""
    a, b = (of(histogram(scale * rng.lognormal(0, sigma, count))) for scale in (1.0, 1.3))  # type: ignore[operator]
    low, high = difference(a, b, Effect(0.2)).interval
    return bool(low <= 1.3 <= high)


def test_many_figures_accuse_wrongly_no_more_often_than_one() -> None:
    """20 figures that have not changed, compared 1000 times, with any size of change minded."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(1000):
        found = [
            difference(estimate(1.0, 0.05), estimate(math.exp(rng.normal(0, 0.05)), 0.0), Effect(0.0))
            for _ in range(20)
        ]
        wrong += any(each.change is Change.WORSE for each in holm(found))
    assert wrong / 1000 <= 0.025 + 0.015


def test_what_is_sure_stays_and_the_rest_is_withdrawn() -> None:
    sure = difference(estimate(1.0, 0.01), estimate(1.5, 0.01), Effect(0.1))
    so_so = difference(estimate(1.0, 0.1), estimate(1.25, 0.0), Effect(0.1))
    assert so_so.change is Change.WORSE
    found = holm([sure, *[so_so] * 5])
    assert [each.change for each in found] == [Change.WORSE, *[Change.UNCLEAR] * 5]
    assert all(each.needed > 1 for each in found[1:])


def test_what_has_no_interval_is_not_counted() -> None:
    sure = difference(estimate(1.0, 0.1), estimate(1.25, 0.0), Effect(0.1))
    blind = difference(estimate(1.0, math.inf), estimate(1.25, math.inf), Effect(0.1))
    assert holm([sure, *[blind] * 50])[0].change is Change.WORSE


def test_runs_alone_tell_what_they_differ_by() -> None:
    assert of_runs([2.0], log=True).above == math.inf
    assert of_runs([1.0, 4.0], log=True).value == pytest.approx(2.0)
    assert of_runs([0.1, 0.3], log=False).value == pytest.approx(0.2)
    assert not math.isfinite(of_runs([0.0, 1.0], log=True).value) or of_runs([0.0, 1.0], log=True).value == 0
