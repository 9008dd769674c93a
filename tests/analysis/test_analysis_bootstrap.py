"""The bootstrap over windows: against scipy, and by what its intervals are worth on data whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from llmload.analysis.bootstrap import DRAWS, block_length, percentile_spread, percentiles, ratio_spread
from llmload.analysis.student import quantile

RUNS = 400
FEWER = 250


def promised(held: int, runs: int) -> bool:
    """Within 2 points of 95 %, and what chance does 99 times in 100."""
    return abs(held / runs - 0.95) <= 0.02 + 2.6 * math.sqrt(0.95 * 0.05 / runs)


def remembering(rng: np.random.Generator, count: int, phi: float) -> np.ndarray:
    """An AR(1) series of unit variance."""
    noise = rng.standard_normal(count + 200) * math.sqrt(1 - phi * phi)
    return lfilter([1.0], [1.0, -phi], noise)[200:]


def test_without_memory_the_error_is_that_of_scipys_bootstrap() -> None:
    values = np.random.default_rng(3).lognormal(0, 0.5, 400)
    found = stats.bootstrap((values,), np.mean, n_resamples=DRAWS, rng=np.random.default_rng(1))
    ours = ratio_spread(values, np.ones(400), log=False)
    assert ours.error == pytest.approx(found.standard_error, rel=0.25)
    assert ratio_spread(values, np.ones(400)).error == pytest.approx(found.standard_error / values.mean(), rel=0.25)


def test_blocks_grow_with_the_memory() -> None:
    rng = np.random.default_rng(5)
    lengths = [float(np.mean([block_length(remembering(rng, 900, phi)) for _ in range(20)])) for phi in (0.0, 0.6, 0.9)]
    assert lengths[0] == pytest.approx(45, rel=0.2)
    assert lengths[0] <= lengths[1] < lengths[2] < 300


@pytest.mark.parametrize("series", [np.zeros(0), np.ones(5), np.ones(100), np.array([1.0, 2.0] * 50)])
def test_any_series_has_a_block_length(series: np.ndarray) -> None:
    assert 1 <= block_length(series) <= max(1, len(series) / 3)


@pytest.mark.parametrize(("count", "phi"), [(120, 0.0), (120, 0.6), (300, 0.0), (300, 0.8)])
def test_intervals_of_a_mean_hold_what_they_promise(count: int, phi: float) -> None:
    rng, calls = np.random.default_rng(count + round(10 * phi)), np.full(count, 20.0)
    held = 0
    for _ in range(RUNS):
        series = remembering(rng, count, phi)
        spread = ratio_spread(calls * (10 + series), calls, log=False)
        held += abs(series.mean()) <= quantile(0.975, spread.freedom) * spread.error
    assert promised(held, RUNS)


@pytest.mark.parametrize(("p", "phi"), [(95.0, 0.0), (50.0, 0.6), (95.0, 0.6)])
def test_intervals_of_a_percentile_hold_what_they_promise(p: float, phi: float) -> None:
    """Windows of 10 calls, times exp(level of the window + noise): the truth is a percentile of a lognormal."""
    rng, held = np.random.default_rng(round(p + 10 * phi)), 0
    low = 1.05 ** np.arange(-45, 45)
    truth = math.exp(stats.norm.ppf(p / 100) * math.hypot(0.2, 0.3))
    for _ in range(FEWER):
        times = np.exp(0.2 * remembering(rng, 150, phi)[:, None] + 0.3 * rng.standard_normal((150, 10)))
        places = np.searchsorted(low, times, side="right") - 1
        counts = np.zeros((150, len(low)))
        np.add.at(counts, (np.arange(150)[:, None], places), 1.0)
        buckets = low, low * 1.05
        spread = percentile_spread(buckets, counts, p)
        value = percentiles(buckets, counts.sum(axis=0)[None, :], p)[0]
        held += abs(math.log(value / truth)) <= quantile(0.975, spread.freedom) * spread.error
    assert promised(held, FEWER)


def test_percentiles_lie_within_their_bucket() -> None:
    buckets = np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 8.0])
    counts = np.array([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    assert percentiles(buckets, counts, 50.0).tolist() == pytest.approx([3.0, math.nan, 3.0], nan_ok=True)
    assert percentiles(buckets, counts, 100.0).tolist() == pytest.approx([8.0, math.nan, 4.0], nan_ok=True)


def test_where_there_is_nothing_nothing_is_known() -> None:
    none = np.zeros(100)
    assert math.isinf(ratio_spread(none, none).error)
    assert math.isinf(ratio_spread(none, np.ones(100)).error), "no logarithm of zero"
    assert ratio_spread(none, np.ones(100), log=False).error == 0
    assert math.isinf(percentile_spread((none[:3], none[:3]), np.zeros((100, 3)), 50.0).error)
