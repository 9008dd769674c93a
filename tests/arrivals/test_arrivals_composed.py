from __future__ import annotations

import numpy as np
import pytest
from curve_kit import check_curve
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.arrivals.composed import RandomBursts, Sequence, Sum
from llmload.arrivals.curves import Burst, Constant, Curve, Ramp, Sine, Spike, Steps

COMPOSED = [
    Sum(((0.0, Constant(50.0, 100.0)), (20.0, Constant(100.0, 30.0)))),
    Sum(((10.0, Ramp(1.0, 9.0, 20.0)),)),
    Sum(((0.0, Constant(50.0, 100.0)), (0.0, Burst(0.0, 100.0, 20.0, 5.0, 100.0)), (15.0, Spike(0.0, 9.0, 5, 5, 50)))),
    Sum(((0.0, Constant(50.0, 100.0)), (0.0, Sine(50.0, 50.0, 25.0, 100.0)))),
    Sum(((0.0, Sine(5.0, 5.0, 25.0, 40.0)), (60.0, Ramp(1.0, 50.0, 30.0, exponential=True)))),
    Sequence((Ramp(0.0, 50.0, 30.0), Constant(50.0, 60.0), Ramp(50.0, 0.0, 30.0))),
    Sequence((Constant(10.0, 5.0), Constant(0.0, 5.0), Sine(10.0, 5.0, 4.0, 10.0), Steps((1.0, 2.0), 3.0))),
    Sequence((Sum(((0.0, Sine(5.0, 5.0, 5.0, 10.0)), (5.0, Constant(3.0, 10.0)))), Sequence((Constant(1.0, 1.0),)))),
    RandomBursts(10.0, 100.0, 5.0, 8, 100.0, 7),
    RandomBursts(0.0, 10.0, 30.0, 12, 60.0, 1),
    RandomBursts(10.0, 100.0, 5.0, 0, 100.0, 7),
]


@pytest.mark.parametrize("curve", COMPOSED, ids=str)
def test_every_composed_curve_passes_the_kit(curve: Curve) -> None:
    check_curve(curve)


rates = st.just(0.0) | st.floats(1e-4, 100.0)
parts = st.one_of(
    st.builds(Constant, rates, st.floats(1, 100)),
    st.builds(Ramp, rates, rates, st.floats(1, 100)),
    st.builds(Ramp, st.floats(1, 100), st.floats(1, 100), st.floats(1, 100), st.just(True)),
    st.builds(Sine, st.just(50.0), st.floats(0, 50), st.floats(20, 100), st.floats(1, 100)),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), parts), min_size=1, max_size=4))
def test_sums_add_rates_and_integrals(pairs: list[tuple[float, Curve]]) -> None:
    both = Sum(tuple(pairs))
    check_curve(both)
    for t in np.linspace(0.0, both.duration, 37).tolist():
        assert both.expected(t) == pytest.approx(sum(c.expected(t - offset) for offset, c in pairs), abs=1e-6)


@settings(max_examples=12, deadline=None)
@given(st.lists(parts, min_size=1, max_size=4))
def test_sequences_go_on_where_the_part_before_ended(curves: list[Curve]) -> None:
    whole = Sequence(tuple(curves))
    check_curve(whole)
    begin, before = 0.0, 0.0
    for curve in curves:
        assert whole.rate(begin) == pytest.approx(curve.rate(0.0))
        assert whole.expected(begin) == pytest.approx(before)
        middle = curve.duration / 2
        assert whole.expected(begin + middle) == pytest.approx(before + curve.expected(middle))
        begin, before = begin + curve.duration, before + curve.expected(curve.duration)
    assert whole.expected(whole.duration) == pytest.approx(before)


def test_the_peak_of_overlapping_pieces_is_where_they_overlap() -> None:
    apart = Sum(((0.0, Steps((1.0, 5.0), 10.0)), (0.0, Steps((7.0, 2.0), 10.0))))
    assert apart.peak() == 8.0


def test_the_peak_with_curved_parts_counts_only_parts_that_meet() -> None:
    assert Sum(((0.0, Sine(5.0, 5.0, 5.0, 10.0)), (20.0, Constant(30.0, 5.0)))).peak() == 30.0


def test_random_bursts_lie_within_the_curve_the_same_for_the_same_seed() -> None:
    bursts = RandomBursts(10.0, 100.0, 5.0, 20, 600.0, 3)
    assert bursts == RandomBursts(10.0, 100.0, 5.0, 20, 600.0, 3)
    assert bursts.begins() == RandomBursts(1.0, 2.0, 5.0, 20, 600.0, 3).begins()
    assert bursts.begins() != RandomBursts(10.0, 100.0, 5.0, 20, 600.0, 4).begins()
    assert len(bursts.begins()) == 20
    assert bursts.begins()[0] >= 0.0
    assert bursts.begins()[-1] <= 595.0


def test_random_bursts_add_up_where_they_overlap() -> None:
    crowded = RandomBursts(10.0, 100.0, 50.0, 5, 60.0, 3)
    assert crowded.peak() == pytest.approx(10.0 + 5 * 90.0)
    assert crowded.expected(60.0) == pytest.approx(10.0 * 60 + 5 * 90.0 * 50)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Sum(()), "at least one curve"),
        (lambda: Sequence(()), "at least one curve"),
        (lambda: Sum(((-1.0, Constant(1.0, 1.0)),)), "can't begin before 0"),
        (lambda: RandomBursts(1.0, 2.0, 20.0, 3, 10.0, 1), "at most the duration"),
        (lambda: RandomBursts(2.0, 1.0, 2.0, 3, 10.0, 1), "below its base"),
    ],
)
def test_a_composition_that_makes_no_sense_is_refused_in_words(make, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
