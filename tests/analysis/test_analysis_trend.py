"""The robust slope is scipy's; its interval holds the truth as often as it says, where neighbours are alike too."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_runs import Made, phases
from scipy import stats

from llmload.analysis.cusum import normal_score, students_t
from llmload.analysis.trend import Trend, slope_of, trend_of
from llmload.metrics.summary import Summary
from llmload.records import Outcome


def alike(rng: np.random.Generator, count: int, r: float) -> np.ndarray:
    """An autoregressive series of order 1."""
    noise = rng.standard_normal(count + 50)
    for n in range(1, count + 50):
        noise[n] += r * noise[n - 1]
    return noise[50:]


def test_the_slope_is_scipys() -> None:
    rng = np.random.default_rng(2)
    at, values = np.arange(40.0), np.arange(40.0) * 0.3 + rng.standard_normal(40)
    slope, bounds, _ = slope_of(at, values)
    oracle = stats.theilslopes(values, at, 0.95)
    assert slope == pytest.approx(oracle.slope)
    assert bounds is not None
    assert bounds[0] <= oracle.low_slope + 0.01
    assert bounds[1] >= oracle.high_slope - 0.01


@pytest.mark.parametrize(("count", "r"), [(20, 0.0), (20, 0.3), (60, 0.0), (60, 0.3), (60, 0.6)])
def test_the_interval_holds_the_truth_as_often_as_it_says(count: int, r: float) -> None:
    rng, at, held, runs = np.random.default_rng(9), np.arange(float(count)), 0, 600
    for _ in range(runs):
        _, bounds, _ = slope_of(at, 0.05 * at + alike(rng, count, r))
        held += bounds is None or bounds[0] <= 0.05 <= bounds[1]
    assert 0.93 - 0.018 <= held / runs <= 0.99, "within 2 points of 95 % (4 where few points make it wide)"


def test_wild_points_do_not_move_it() -> None:
    at = np.arange(30.0)
    values = 0.1 * at
    values[::4] += 100.0
    assert slope_of(at, values)[0] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("freedom", [3.0, 8.0, 40.0])
def test_students_t_is_scipys(freedom: float) -> None:
    assert students_t(1.959964, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.02)
    assert normal_score(np.array([students_t(-1.5, freedom)]), freedom)[0] == pytest.approx(-1.5)


def soaked(growth: float, seconds: int = 900, seed: int = 1, failing: float = 0.0) -> Summary:
    """A soak whose latency grows by that share from beginning to end, and whose failures grow to that share."""
    rng, made = np.random.default_rng(seed), Made(phases(hold=seconds))
    for second in range(seconds):
        failed = int(rng.binomial(10, failing * second / seconds))
        latency = 0.5 * (1 + growth) ** (second / seconds) * np.exp(0.4 * rng.standard_normal(10 - failed))
        made.second(second, latency, {Outcome.HTTP_5XX: failed})
        made.second(second, 0.02 * np.exp(0.2 * rng.standard_normal(1 + second // 100)), cls="embed")
    return made.summary


def found(summary: Summary, what: str) -> Trend:
    made = trend_of(summary, what, (0.0, 900.0))
    assert made is not None
    return made


def test_a_creep_is_found_and_measured() -> None:
    trend = found(soaked(0.30), "latency")
    assert trend.rising
    assert trend.interval is not None
    assert 0.15 < trend.interval[0] < trend.growth < 0.28, "embeddings, which do not creep, are among the calls"
    chat = trend_of(soaked(0.30), "latency", (0.0, 900.0), "chat")
    assert chat is not None
    assert chat.growth == pytest.approx(0.30, abs=0.06)
    assert found(soaked(0.30), "ttft").rising


def test_a_healthy_soak_with_a_changing_mix_has_no_trend() -> None:
    rising = [found(soaked(0.0, seed=seed), "latency").rising for seed in range(20)]
    assert sum(rising) <= 2


def test_errors_grow_by_a_difference_of_shares() -> None:
    trend = found(soaked(0.0, failing=0.2), "errors")
    assert trend.rising
    assert trend.growth == pytest.approx(0.1, abs=0.03), "of all calls, the embeddings among them"
    assert found(soaked(0.0), "errors").growth == 0.0


def test_calls_in_flight_grow_by_a_share_of_their_level() -> None:
    summary = soaked(0.0)
    for second, by_class in summary.windows.items():
        by_class[""].peaks[0] = 100 + second // 9
    assert found(summary, "in_flight").growth == pytest.approx(100 / 150, rel=0.05)


def test_too_short_a_stretch_says_nothing() -> None:
    assert trend_of(soaked(0.0, 20), "latency", (0.0, 6.0)) is None
    assert trend_of(Summary(), "latency", (0.0, 60.0)) is None
    assert trend_of(Summary(), "errors", (0.0, 60.0)) is None
