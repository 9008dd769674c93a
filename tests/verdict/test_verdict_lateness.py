"""The bound on the error of a percentile holds, whatever the times and however the delays are tied to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.metrics.disturbance import Disturbance
from llmload.metrics.histogram import Histogram
from llmload.verdict.lateness import Lateness, largest_error, mean_of, tail, tail_of


def histogram(values: object) -> Histogram:
    made = Histogram()
    made.record(np.asarray(values, np.int64))
    return made


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1000, 100_000), min_size=30, max_size=300),
    st.integers(0, 2**32 - 1),
    st.sampled_from([50.0, 90.0, 95.0, 99.0, 100.0]),
)
def test_the_true_percentile_is_never_below_the_bound(times: list[int], seed: int, percentile: float) -> None:
    draw = np.random.default_rng(seed)
    true = np.asarray(times)
    sent = np.where(draw.random(len(true)) < 0.1, draw.integers(0, 50_000, len(true)), 0)
    # As unkindly as can be: it is the slowest calls that are read late.
    read = np.where(true >= np.percentile(true, draw.uniform(0, 100)), draw.integers(0, 20_000), 0)
    measured = histogram(true + sent + read)
    error = largest_error(measured, percentile, tail(histogram(sent)), tail(histogram(read)))
    least = measured.percentile(percentile) - error
    assert histogram(true).percentile(percentile) >= least * 0.998 - 50  # histograms hold three digits


def test_rare_delays_do_not_touch_a_percentile_that_they_cannot_reach() -> None:
    measured = histogram(np.linspace(100_000, 120_000, 10_000))
    rare = tail(histogram([0] * 999 + [50_000]))
    assert largest_error(measured, 50, rare) < 50
    assert largest_error(measured, 99, rare) < 50


def test_delays_of_five_percent_of_the_time_spoil_p99_and_leave_p50() -> None:
    draw = np.random.default_rng(1)
    late = np.where(draw.random(20_000) < 0.05, draw.uniform(0, 50_000, 20_000), 0)
    measured = histogram(draw.uniform(100_000, 120_000, 20_000) + late)
    lags = tail(histogram(late))
    assert largest_error(measured, 50, lags) < 1500
    assert 25_000 < largest_error(measured, 99, lags) < 45_000


def test_a_slow_target_forgives_what_a_fast_one_does_not() -> None:
    lags = tail(histogram([5000] * 100))
    slow, fast = histogram([2_000_000] * 1000), histogram([20_000] * 1000)
    assert largest_error(slow, 99, lags) / slow.percentile(99) == pytest.approx(0.0025, rel=0.01)
    assert largest_error(fast, 99, lags) / fast.percentile(99) == pytest.approx(0.25, rel=0.01)


def test_without_lags_there_is_no_error() -> None:
    assert largest_error(histogram([1000, 2000]), 50, tail(Histogram())) == 0
    assert Lateness().error("ttft", histogram([1000]), 99) == 0


def test_a_metric_that_holds_no_delay_has_no_error() -> None:
    late = tail(histogram([50_000] * 10))
    lateness = Lateness(late, late)
    times = histogram([100_000] * 10)
    assert lateness.error("upload", times, 50) == 0
    assert lateness.error("itl", times, 50) == pytest.approx(50_000, rel=0.01)  # read late
    assert lateness.error("ttft", times, 50) == pytest.approx(100_000, rel=0.01)  # sent late as well
    assert lateness.mean_error("ttft") == 2 * lateness.mean_error("itl")


def test_what_came_in_during_a_stop_waited_for_its_end() -> None:
    window = tail_of([Disturbance(1_000_000, 4_500_000)], 0, 10_000_000)
    assert window == [(0.0, 0.1), (500_000, 0.05), (1_000_000, 0.0)]
    assert tail_of([Disturbance(1_000_000, 4_500_000)], 6_000_000, 9_000_000) == ((0.0, 0.0),)
    half = tail_of([Disturbance(1_000_000, 4_500_000)], 5_000_000, 10_000_000)
    assert half[-1] == (500_000, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=200))
def test_the_mean_of_a_tail_is_never_below_that_of_the_delays(delays: list[int]) -> None:
    assert mean_of(tail(histogram(delays))) >= np.mean(delays) * 0.998 - 50
