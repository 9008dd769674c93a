"""The search is simulated: a capacity that is known, figures that rise towards it, and noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr

from llmload.analysis import search
from llmload.analysis.search import SURE, Aim, Answer, Capacity, Ended, Reading, Tried, capacity, knee, next_value

Curve = Callable[[float], float]
"""Score by how far above the capacity (logarithm) a value is."""

WIDE = Aim(1.0, 1e-3, 1e3)
CURVES: dict[str, Curve] = {
    "straight": lambda above: 5 * above,
    "steep": lambda above: 30 * above,
    "wall": lambda above: 1000 * above,
    "queue": lambda above: math.log(0.1 / max(1e-3, 1 - 0.9 * math.exp(above))),
    "knee": lambda above: 0.5 * math.expm1(20 * above) if above < 0 else 40 * above,
}


def sought(truth: float, curve: Curve, error: float, rng: np.random.Generator, aim: Aim = WIDE) -> list[Tried]:
    """The steps of one search."""
    tried: list[Tried] = []
    while (value := next_value(aim, tried)) is not None:
        score = curve(math.log(value / truth)) + error * rng.standard_normal()
        tried.append(Tried(value, Reading(score, error)))
    return tried


def limited(most: float, truth: float, aim: Aim = WIDE) -> tuple[list[Tried], Capacity]:
    """A search with sure answers, by a generator that can do so much."""
    tried: list[Tried] = []
    while (value := next_value(aim, tried)) is not None:
        tried.append(Tried(value, None if value > most else Reading(1.0 if value > truth else -1.0, 0.01)))
    return tried, capacity(aim, tried)


def covered(draw: Callable[[np.random.Generator], tuple[Curve, float]], runs: int) -> float:
    """Share of the searches whose interval holds the truth."""
    rng, hits = np.random.default_rng(11), 0
    for _ in range(runs):
        truth = math.exp(rng.uniform(0.0, 3.0))
        curve, error = draw(rng)
        found = capacity(WIDE, sought(truth, curve, error, rng))
        assert found.interval is not None
        hits += found.interval[0] <= truth <= found.interval[1]
    return hits / runs


def drawn(rng: np.random.Generator) -> tuple[Curve, float]:
    """A slope and an error as the prior has them: errors that were told as 0.05 may be larger."""
    slope = math.exp(rng.uniform(math.log(0.3), math.log(1e6)))
    larger = float(rng.choice(search._UNDERRATED, p=np.exp(search._UNDERRATED_WEIGHTS)))
    return (lambda above: slope * above + 0.05 * math.sqrt(larger**2 - 1) * rng.standard_normal()), 0.05


def test_the_interval_holds_the_truth_in_95_of_100_searches_within_2() -> None:
    """Over slopes and errors as they are taken to be, the interval is exact by construction; this checks the sums."""
    assert covered(drawn, 400) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("name", ["steep", "wall", "knee"])
def test_of_no_kind_of_target_does_it_miss_it_much_more_often(name: str) -> None:
    assert covered(lambda rng: (CURVES[name], 0.05), 150) >= 0.90


@settings(max_examples=60, deadline=None)
@given(
    truth=st.floats(0.01, 100.0),
    name=st.sampled_from(sorted(CURVES)),
    error=st.floats(0.001, 0.3),
    seed=st.integers(0, 2**20),
)
def test_it_ends_and_brackets_the_truth(truth: float, name: str, error: float, seed: int) -> None:
    tried = sought(truth, CURVES[name], error, np.random.default_rng(seed))
    found = capacity(WIDE, tried)
    assert len(tried) <= WIDE.most
    assert found.ended in (Ended.FOUND, Ended.STEPS)
    assert found.value is not None
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1]
    assert abs(math.log(found.value / truth)) < max(0.15, 6 * error / 2)


@pytest.mark.parametrize("truth", [0.013, 0.3, 0.77, 1.9, 7.3, 60.0])
def test_sure_answers_take_as_many_steps_as_bisection(truth: float) -> None:
    tried = sought(truth, CURVES["wall"], 0.001, np.random.default_rng(1))
    doublings = math.ceil(abs(math.log2(truth))) + 1
    assert len(tried) <= doublings + 6
    found = capacity(WIDE, tried)
    assert found.held is not None
    assert found.missed is not None
    assert found.held <= truth * 1.01
    assert found.missed >= truth * 0.99
    assert found.value == pytest.approx(truth, rel=0.06)


@settings(max_examples=100, deadline=None)
@given(truth=st.integers(1, 3000), start=st.integers(1, 500))
def test_whole_numbers_are_tried_only_and_found_to_the_last_one_where_they_are_small(truth: int, start: int) -> None:
    aim = Aim(start, 1, 4096, whole=True)
    tried = sought(truth + 0.5, CURVES["wall"], 0.001, np.random.default_rng(1), aim)
    found = capacity(aim, tried)
    assert all(step.value == int(step.value) for step in tried)
    assert found.value == pytest.approx(truth, rel=0.06, abs=1)
    assert found.ended is Ended.FOUND


@pytest.mark.parametrize("told", [0.05, 0.25, 0.35, 1.0])
def test_one_wrong_answer_is_recovered_from(told: float) -> None:
    aim, tried = Aim(8.0, 1.0, 1000.0), [Tried(8.0, Reading(-1.0, 0.1)), Tried(16.0, Reading(told, 0.1))]
    while (value := next_value(aim, tried)) is not None:
        tried.append(Tried(value, Reading(5 * math.log(value / 20.0), 0.1)))
    found = capacity(aim, tried)
    assert found.value == pytest.approx(20.0, rel=0.06)


def test_ends_where_the_values_allowed_do() -> None:
    for truth, ended in ((0.1, Ended.LOWEST), (500.0, Ended.HIGHEST)):
        tried, found = limited(1e9, truth, Aim(8.0, 1.0, 64.0))
        assert found.ended is ended
        assert found.value is None
        assert len(tried) == 4


@pytest.mark.parametrize("most", [10.0, 33.0, 100.0, 127.0])
def test_the_generators_own_limit_is_told_and_never_taken_for_the_targets(most: float) -> None:
    tried, found = limited(most, 500.0, Aim(8.0, 1.0, 1e4))
    assert found.ended is Ended.GENERATOR
    assert found.value is None
    assert found.valid is not None
    assert found.limit is not None
    assert found.valid <= most < found.limit <= 1.11 * found.valid
    assert len(tried) <= 24


def test_a_single_step_that_measured_nothing_is_made_again() -> None:
    tried = [Tried(8.0, Reading(-1, 0.1)), Tried(16.0, None)]
    assert next_value(WIDE, tried) == 16.0
    tried += [Tried(16.0, Reading(-1, 0.1))]
    assert next_value(WIDE, tried) == 32.0


def test_a_machine_that_measures_nothing_is_given_up() -> None:
    tried: list[Tried] = []
    while (value := next_value(WIDE, tried)) is not None:
        tried.append(Tried(value, None))
    assert len(tried) == 3
    assert capacity(WIDE, tried).ended is Ended.INVALID


def test_an_answer_is_clear_from_three_standard_errors_on() -> None:
    assert [Reading(score, 0.1).answer for score in (-0.31, -0.29, 0.29, 0.31)] == [
        Answer.HELD,
        Answer.UNCLEAR,
        Answer.UNCLEAR,
        Answer.MISSED,
    ]
    assert SURE == 3.0


def test_the_normal_distribution_is_scipys() -> None:
    x = np.linspace(-37, 8, 1001)
    assert search._log_normal_cdf(x) == pytest.approx(log_ndtr(x), abs=1e-4)


def test_the_knee_is_where_throughput_over_delay_is_greatest() -> None:
    loads = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    assert knee([(load, 1 / (1 - load)) for load in loads]) == 2  # M/M/1: at half load (Kleinrock)
    assert knee([(1.0, 1.0), (2.0, 1.0)]) is None


def test_there_is_no_knee_where_nothing_beyond_it_was_measured_or_latency_hardly_rises() -> None:
    assert knee([(10.0, 1.0), (20.0, 1.02), (40.0, 1.1)]) is None
    assert knee([(10.0, 1.0), (20.0, 1.0), (21.0, 1.4)]) is None
    assert knee([(10.0, 1.0), (20.0, 1.0), (21.0, 1.5)]) == 1


def test_values_that_are_not_in_order_are_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        Aim(10.0, 20.0, 30.0)
