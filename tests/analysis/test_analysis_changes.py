"""Change points: found where they are, and hardly ever where there are none, whatever the noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from llmload.analysis.changes import LEAST, Change, _ranks, change_points


def alike(rng: np.random.Generator, count: int, r: float) -> np.ndarray:
    """An autoregressive series of order 1."""
    noise = rng.standard_normal(count + 50)
    for n in range(1, count + 50):
        noise[n] += r * noise[n - 1]
    return noise[50:]


@pytest.mark.parametrize("count", [LEAST, 12, 30, 120])
@pytest.mark.parametrize("heavy", [False, True])
def test_noise_alone_has_a_change_in_at_most_one_series_in_twenty(count: int, heavy: bool) -> None:
    rng, runs = np.random.default_rng(count), 200
    noise = rng.standard_normal((runs, count))
    wrong = sum(bool(change_points(np.exp(2 * row) if heavy else row)) for row in noise)
    assert wrong / runs <= 0.05 + 0.02, "5 %, and a standard error and a third"


@pytest.mark.parametrize("r", [0.0, 0.3, 0.6, 0.8])
def test_nor_has_a_series_whose_neighbours_are_alike(r: float) -> None:
    rng, runs = np.random.default_rng(3), 150
    wrong = sum(bool(change_points(alike(rng, 60, r), independent=False)) for _ in range(runs))
    assert wrong / runs <= 0.05 + 0.02


@pytest.mark.parametrize("count", [10, 30, 200])
def test_a_step_is_found_where_it_is(count: int) -> None:
    rng, hits, runs = np.random.default_rng(count), 0, 60
    for _ in range(runs):
        series = rng.standard_normal(count) + 5.0 * (np.arange(count) >= count // 2)
        found = change_points(series)
        hits += any(abs(change.at - count // 2) <= 1 for change in found)
    assert hits / runs >= 0.95


def test_levels_and_their_ratio_are_told() -> None:
    series = np.array([100.0, 101, 99, 100, 102, 98, 100, 130, 131, 129, 130, 132, 128, 130])
    (change,) = change_points(series)
    assert change == Change(7, 100.0, 130.0)
    assert change.ratio == 1.3
    assert Change(1, 0.0, 5.0).ratio == 1.0


def test_up_and_down_again_are_two_changes() -> None:
    series = np.random.default_rng(1).standard_normal(90)
    series[30:50] += 6
    assert [change.at for change in change_points(series)] == [30, 50]


def test_one_wild_value_is_no_change() -> None:
    series = np.random.default_rng(1).standard_normal(40)
    series[20] = 1e6
    assert change_points(series) == ()


def test_unknown_values_are_left_out_and_keep_their_places() -> None:
    series = np.r_[np.full(12, 1.0), np.full(12, 9.0)] + np.tile([0.0, 0.1, 0.2], 8)
    gappy = np.insert(series, [3, 3, 15], np.nan)
    assert [change.at for change in change_points(gappy)] == [14]


@pytest.mark.parametrize("series", [[], [1.0] * 5, [1.0] * 100, [np.nan] * 30, list(range(LEAST - 1))])
def test_too_few_or_equal_values_have_none(series: list[float]) -> None:
    assert change_points(np.array(series, float)) == ()


def test_a_long_series_is_averaged_and_its_places_are_those_of_the_long_one() -> None:
    series = np.random.default_rng(6).standard_normal(6000)
    series[2500:] += 2
    (change,) = change_points(series)
    assert change.at == pytest.approx(2500, abs=30)


def test_the_same_series_has_the_same_changes() -> None:
    series = alike(np.random.default_rng(8), 100, 0.5) + np.repeat([0.0, 3.0], 50)
    assert change_points(series, independent=False) == change_points(series, independent=False) != ()


def test_ranks_are_scipys() -> None:
    values = np.array([3.0, 1.0, 3.0, 2.0, 2.0, 5.0])
    ranks = _ranks(values)
    assert ranks is not None
    assert ranks == pytest.approx(stats.zscore(stats.rankdata(values)))
