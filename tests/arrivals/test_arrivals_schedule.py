from __future__ import annotations

import heapq
import pickle
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from llmload.arrivals.curves import Burst, Constant, Curve, Ramp, Sequence, Sine, Steps, Sum
from llmload.arrivals.process import CHUNK, Gamma, Poisson, Process, Uniform
from llmload.arrivals.schedule import Schedule
from llmload.records import Arrival

NS = 1_000_000_000
CURVES: list[Curve] = [
    Constant(2000.0, 60.0),
    Ramp(10.0, 3000.0, 60.0),
    Ramp(2000.0, 0.0, 60.0),
    Ramp(100.0, 8000.0, 60.0, exponential=True),
    Steps((0.0, 3000.0, 0.0, 500.0), 15.0),
    Sine(2000.0, 2000.0, 13.0, 60.0),
    Sum(((0, Constant(500.0, 60.0)), (5, Burst(0.0, 5000.0, 10.0, 2.0, 50.0)), (0, Sine(300.0, 300.0, 7.0, 60.0)))),
    Sequence((Ramp(0.0, 2000.0, 20.0), Sine(2000.0, 500.0, 5.0, 40.0))),
]  # fmt: skip
WINDOWS = np.linspace(0.0, 60.0, 61)


def ats(schedule: Schedule) -> np.ndarray:
    return np.concatenate([np.asarray(chunk) for chunk in schedule.times()])


def expected_in_windows(curve: Curve) -> np.ndarray:
    return np.diff([curve.expected(t) for t in WINDOWS.tolist()])


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
@pytest.mark.parametrize("process", [Uniform(), Poisson(), Gamma(2.0)], ids=str)
def test_arrivals_are_whole_nanoseconds_in_order_within_the_duration(curve: Curve, process: Process) -> None:
    times = ats(Schedule(curve, process, 4))
    assert times.dtype == np.int64
    assert times[0] >= 0
    assert times[-1] < curve.duration * NS
    assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
def test_uniform_counts_in_any_window_match_the_integral_within_one(curve: Curve) -> None:
    counts, _ = np.histogram(ats(Schedule(curve, Uniform(), 1)) / NS, WINDOWS)
    assert np.abs(counts - expected_in_windows(curve)).max() <= 1.0 + 1e-6


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
def test_poisson_counts_in_any_window_match_the_integral_within_chance(curve: Curve) -> None:
    expected = expected_in_windows(curve)
    counts, _ = np.histogram(ats(Schedule(curve, Poisson(), 12)) / NS, WINDOWS)
    assert (counts[expected == 0.0] == 0).all()
    due = expected > 5.0
    chi_square = float(((counts - expected)[due] ** 2 / expected[due]).sum())
    low, high = stats.chi2.ppf([0.001, 0.999], due.sum())
    assert low < chi_square < high


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 59.0), st.floats(0.01, 60.0), st.sampled_from(CURVES))
def test_uniform_counts_in_windows_of_any_place_and_width_match(start: float, width: float, curve: Curve) -> None:
    times = ats(Schedule(curve, Uniform(), 1)) / NS
    end = min(start + width, 60.0)
    due = curve.expected(end) - curve.expected(start)
    assert abs(((times >= start) & (times < end)).sum() - due) <= 1.0 + 1e-5


def test_a_ramp_is_linear_in_time_not_in_the_number_of_the_request() -> None:
    ramp = Ramp(10.0, 100.0, 60.0)
    schedule = Schedule(ramp, Uniform(), 1)
    times = ats(schedule) / NS
    assert schedule.expected() == 3300.0
    assert len(times) == 3300
    around_half = ((times >= 29.0) & (times < 31.0)).sum() / 2.0
    assert around_half == pytest.approx(55.0, abs=0.5)
    assert np.searchsorted(times, 30.0) == pytest.approx(ramp.expected(30.0), abs=1)


def merged(schedule: Schedule, shards: int) -> list[Arrival]:
    parts = [schedule.arrivals(shard, shards) for shard in range(shards)]
    return list(heapq.merge(*parts, key=lambda arrival: arrival.index))


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
@pytest.mark.parametrize("process", [Uniform(), Poisson(), Gamma(3.0)], ids=str)
def test_shards_merge_to_exactly_the_unsharded_schedule(curve: Curve, process: Process) -> None:
    schedule = Schedule(curve.scaled(rate=0.1), process, 9)
    assert merged(schedule, 7) == list(schedule.arrivals())


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32), st.just(0.0) | st.floats(0.01, 40.0))
def test_any_number_of_shards_merges_to_the_same_schedule(shards: int, seed: int, rate: float) -> None:
    schedule = Schedule(Constant(rate, 10.0), Poisson(), seed)
    whole = list(schedule.arrivals())
    assert merged(schedule, shards) == whole
    assert [arrival.index for arrival in whole] == list(range(len(whole)))


def test_a_shard_takes_every_nth_arrival_from_chunk_to_chunk() -> None:
    schedule = Schedule(Constant(CHUNK * 1.5, 1.0), Poisson(), 1)
    whole = list(schedule.arrivals())
    for shard in range(7):
        assert list(schedule.arrivals(shard, 7)) == whole[shard::7]


def test_an_arrival_that_rounds_to_the_end_is_still_before_it() -> None:
    due = [arrival.at for arrival in Schedule(Constant(10.5 + 1e-9, 1.0), Uniform(), 1).arrivals()]
    assert len(due) == 11
    assert due[-1] == NS - 1


@pytest.mark.parametrize("shards", [1, 2, 10])
def test_poisson_stays_poisson_however_many_shards_send_it(shards: int) -> None:
    """Counts per window as variable as a Poisson process's (variance / mean 1), gaps not related to each other."""
    schedule = Schedule(Constant(500.0, 400.0), Poisson(), 21)
    times = np.array([arrival.at for arrival in merged(schedule, shards)]) / NS
    counts, _ = np.histogram(times, np.arange(0.0, 400.0, 0.1))
    dispersion = counts.var() / counts.mean()
    assert dispersion == pytest.approx(1.0, abs=4 * np.sqrt(2 / len(counts)))
    gaps = np.diff(times)
    lag_one = np.corrcoef(gaps[:-1], gaps[1:])[0, 1]
    assert abs(lag_one) < 4 / np.sqrt(len(gaps))
    assert stats.kstest(gaps, "expon", args=(0.0, 1 / 500.0)).pvalue > 0.01


def test_poisson_on_a_ramp_is_poisson_in_the_time_of_the_curve() -> None:
    ramp = Ramp(100.0, 900.0, 100.0)
    times = ats(Schedule(ramp, Poisson(), 6)) / NS
    gaps = np.diff(ramp.expected_all(times), prepend=0.0)
    assert stats.kstest(gaps, "expon").pvalue > 0.01


@pytest.mark.parametrize("cv", [0.5, 2.0])
def test_gamma_arrivals_vary_as_they_should(cv: float) -> None:
    gaps = np.diff(ats(Schedule(Constant(1000.0, 100.0), Gamma(cv), 3)))
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05)


def test_the_schedule_is_the_same_in_another_process() -> None:
    schedule = Schedule(Sine(50.0, 20.0, 7.0, 30.0), Gamma(2.0), 77)
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert list(again.arrivals(1, 3)) == list(schedule.arrivals(1, 3))


def test_the_seed_changes_the_schedule() -> None:
    assert list(Schedule(Constant(5.0, 9.0), Poisson(), 1).arrivals()) != list(
        Schedule(Constant(5.0, 9.0), Poisson(), 2).arrivals()
    )


def test_a_curve_that_expects_nothing_has_no_arrivals() -> None:
    assert list(Schedule(Constant(0.0, 60.0), Poisson(), 1).arrivals()) == []


def test_an_endless_looking_schedule_is_made_as_it_is_asked_for() -> None:
    year = Schedule(Constant(1e6, 365 * 86_400.0), Poisson(), 1)
    first = list(islice(year.arrivals(2, 4), 3))
    assert [arrival.index for arrival in first] == [2, 6, 10]


@pytest.mark.parametrize(("shard", "of"), [(-1, 2), (2, 2), (0, 0)])
def test_a_shard_that_does_not_exist_is_refused_at_once(shard: int, of: int) -> None:
    with pytest.raises(ValueError, match=f"there is no shard {shard} of {of}"):
        Schedule(Constant(1.0, 1.0), Uniform(), 1).arrivals(shard, of)
