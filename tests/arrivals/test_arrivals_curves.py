from __future__ import annotations

import math

import pytest
from curve_kit import check_curve
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.arrivals import curves
from llmload.arrivals.curves import Burst, Constant, Points, Ramp, Sine, Spike, Steps, inverse

CURVES = [
    Constant(50.0, 60.0),
    Constant(0.0, 10.0),
    Constant(3, 7),
    Ramp(10.0, 100.0, 60.0),
    Ramp(100.0, 0.0, 60.0),
    Ramp(0.0, 50.0, 300.0),
    Ramp(5.0, 5.0, 1.0),
    Ramp(1.0, 1000.0, 120.0, exponential=True),
    Ramp(1000.0, 1.0, 120.0, exponential=True),
    Ramp(7.0, 7.0, 3.0, exponential=True),
    Steps((250.0, 300.0, 350.0, 0.0, 50.0), 300.0),
    Spike(250.0, 750.0, 60.0, 120.0, 300.0),
    Spike(0.0, 9.0, 1.0, 2.0, 10.0, rise=1.5),
    Spike(10.0, 20.0, 0.0, 0.0, 10.0, rise=5.0),
    Burst(0.0, 100.0, 10.0, 3.0, 60.0),
    Burst(5.0, 50.0, 7.0, 7.0, 60.0, offset=2.0),
    Burst(5.0, 50.0, 60.0, 600 / 60, 25.0, offset=20.0),
    Sine(100.0, 100.0, 60.0, 200.0),
    Sine(100.0, 30.0, 7.0, 200.0, phase=0.25),
    Sine(10.0, 0.0, 7.0, 20.0),
    Points(((0.0, 0.0), (10.0, 50.0), (10.0, 5.0), (30.0, 5.0), (40.0, 0.0))),
]

some_rates = st.floats(1e-4, 1e5)
rates = st.just(0.0) | some_rates
times = st.floats(0.01, 1e5)
points = st.lists(st.tuples(times, rates), min_size=1, max_size=8).map(
    lambda gaps: Points(((0.0, 1.0), *((sum(g for g, _ in gaps[: i + 1]), r) for i, (_, r) in enumerate(gaps))))
)
any_curve = st.one_of(
    st.builds(Constant, rates, times),
    st.builds(Ramp, rates, rates, times),
    st.builds(Ramp, some_rates, some_rates, times, st.just(True)),
    st.builds(Steps, st.lists(rates, min_size=1, max_size=9).map(tuple), times),
    st.builds(lambda mean, share, period, duration: Sine(mean, mean * share, period, duration),
              some_rates, st.floats(0, 1), st.floats(50.0, 1e4), st.floats(10.0, 500.0)),
    points,
)  # fmt: skip


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_every_curve_passes_the_kit(curve: curves.Curve) -> None:
    check_curve(curve)


@settings(max_examples=40, deadline=None)
@given(any_curve)
def test_any_curve_anyone_may_write_passes_the_kit(curve: curves.Curve) -> None:
    check_curve(curve)


def test_a_ramp_passes_half_of_its_rise_at_half_time_and_expects_its_mean() -> None:
    ramp = Ramp(10.0, 100.0, 60.0)
    assert ramp.rate(30.0) == 55.0
    assert ramp.expected(60.0) == 55.0 * 60.0
    assert ramp.expected(30.0) == (10.0 + 55.0) / 2 * 30.0


def test_an_exponential_ramp_grows_by_the_same_factor_in_equal_times() -> None:
    ramp = Ramp(1.0, 10_000.0, 40.0, exponential=True)
    assert [ramp.rate(t) for t in (0, 10, 20, 30, 40)] == pytest.approx([1, 10, 100, 1000, 10_000])
    assert ramp.expected(40.0) == pytest.approx((10_000 - 1) * 40 / math.log(10_000))


def test_steps_hold_each_level_and_change_at_the_edge() -> None:
    steps = Steps((1.0, 2.0, 4.0), 10.0)
    assert steps.duration == 30.0
    assert [steps.rate(t) for t in (0.0, 9.999, 10.0, 20.0, 30.0)] == [1.0, 1.0, 2.0, 4.0, 4.0]
    assert steps.expected(25.0) == 10.0 + 20.0 + 20.0


def test_a_spike_rises_holds_and_falls() -> None:
    spike = Spike(10.0, 30.0, at=5.0, width=10.0, duration=40.0, rise=2.0)
    assert [spike.rate(t) for t in (0, 5, 6, 7, 16.9, 18, 19, 30)] == pytest.approx([10, 10, 20, 30, 30, 20, 10, 10])
    assert spike.expected(40.0) == pytest.approx(10 * 40 + 20 * (10 + 2))


def test_bursts_repeat_from_their_offset() -> None:
    burst = Burst(1.0, 9.0, period=10.0, width=2.0, duration=35.0, offset=3.0)
    assert [burst.rate(t) for t in (0, 3, 4.9, 5, 13, 15, 23.5, 33, 34.9, 35)] == [1, 9, 9, 1, 9, 1, 9, 9, 9, 9]
    assert burst.expected(35.0) == pytest.approx(35 + 8 * 2 * 4)


def test_a_sine_begins_at_the_phase_it_was_given() -> None:
    assert Sine(10.0, 5.0, 8.0, 16.0).rate(2.0) == pytest.approx(15.0)
    assert Sine(10.0, 5.0, 8.0, 16.0, phase=0.25).rate(0.0) == pytest.approx(15.0)
    assert Sine(10.0, 5.0, 8.0, 16.0, phase=0.75).rate(0.0) == pytest.approx(5.0)
    assert Sine(10.0, 5.0, 8.0, 16.0).expected(16.0) == pytest.approx(160.0)


def test_points_are_joined_by_straight_lines_and_may_jump() -> None:
    curve = Points(((0.0, 0.0), (10.0, 50.0), (10.0, 5.0), (30.0, 15.0)))
    assert [curve.rate(t) for t in (0, 5, 10, 20, 30)] == [0, 25, 5, 10, 15]
    assert curve.expected(30.0) == 250.0 + 200.0


def test_where_nothing_is_due_the_inverse_is_the_left_end_of_the_next_rise() -> None:
    curve = Steps((10.0, 0.0, 10.0), 5.0)
    assert inverse(curve, 49.0) == pytest.approx(4.9)
    assert inverse(curve, 50.0) == 10.0
    assert inverse(curve, 50.0, lo=11.0) == 11.0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Constant(-1.0, 10.0), "not below 0"),
        (lambda: Constant(1.0, 0.0), "duration above 0"),
        (lambda: Constant(1.0, math.inf), "finite duration"),
        (lambda: Constant(math.nan, 1.0), "finite"),
        (lambda: Ramp(0.0, 10.0, 10.0, exponential=True), "exponential ramp"),
        (lambda: Ramp(-1.0, 10.0, 10.0), "not be below 0"),
        (lambda: Ramp(1.0, 10.0, math.inf), "finite duration"),
        (lambda: Steps((), 10.0), "duration above 0"),
        (lambda: Spike(1.0, 2.0, 8.0, 3.0, 10.0), "ends at 11 s, after the curve's 10 s"),
        (lambda: Spike(1.0, 2.0, -1.0, 3.0, 10.0), "not be below 0"),
        (lambda: Burst(1.0, 2.0, 5.0, 6.0, 10.0), "at most its period"),
        (lambda: Burst(1.0, 2.0, 1e-6, 1e-7, 1000.0), "more than 200,000 pieces"),
        (lambda: Burst(1.0, 2.0, 1.0, 0.5, math.inf), "finite duration"),
        (lambda: Burst(1.0, 2.0, 1.0, 0.5, 10.0, offset=-1.0), "not be below 0"),
        (lambda: Sine(1.0, 2.0, 5.0, 10.0), "from 0 to its mean"),
        (lambda: Sine(1.0, 1.0, 0.0, 10.0), "period"),
        (lambda: Sine(1.0, 1.0, 1.0, -1.0), "duration"),
        (lambda: Points(((0.0, 1.0),)), "at least two"),
        (lambda: Points(((1.0, 1.0), (2.0, 2.0))), "first point must be at 0 s, not at 1 s"),
        (lambda: Points(((0.0, 1.0), (2.0, 2.0), (1.0, 1.0))), "in the order of their times"),
    ],
)
def test_a_curve_that_makes_no_sense_is_refused_in_words(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
