from __future__ import annotations

import pickle
from itertools import islice

import numpy as np
import pytest
from scipy import stats

from llmload.arrivals.process import CHUNK, Gamma, Poisson, Process, Uniform

PROCESSES = [Uniform(), Poisson(), Gamma(0.3), Gamma(1.0)]
BURSTY = [Gamma(1.5), Gamma(20.0)]
SEVERAL = 3 * CHUNK + 17


def steps(process: Process, seed: int, count: int = 200_000) -> np.ndarray:
    return np.fromiter(islice(process.steps(seed), count), np.float64, count)


@pytest.mark.parametrize("process", PROCESSES + BURSTY, ids=str)
def test_steps_and_chunks_are_the_same_numbers(process: Process) -> None:
    chunks = process.chunks(3)
    parts = [next(chunks) for _ in range(5)]
    joined = np.concatenate(parts)
    assert np.array_equal(joined[:SEVERAL], steps(process, 3, SEVERAL))


@pytest.mark.parametrize("process", PROCESSES, ids=str)
def test_steps_begin_above_zero_and_increase(process: Process) -> None:
    found = steps(process, 11, SEVERAL)
    assert found[0] > 0.0
    assert (np.diff(found) > 0.0).all()


@pytest.mark.parametrize("process", BURSTY, ids=str)
def test_a_bursty_process_may_repeat_a_step_but_never_goes_back(process: Process) -> None:
    assert (np.diff(steps(process, 1)) >= 0.0).all()


@pytest.mark.parametrize("process", PROCESSES, ids=str)
def test_the_seed_decides_every_step(process: Process) -> None:
    assert np.array_equal(steps(process, 5, 1000), steps(pickle.loads(pickle.dumps(process)), 5, 1000))
    same = np.array_equal(steps(process, 5, 1000), steps(process, 6, 1000))
    assert same == isinstance(process, Uniform)


@pytest.mark.parametrize("seed", [-1, 0, 2**64 + 5])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert next(Poisson().steps(seed)) > 0.0


def test_the_seeds_of_two_neighbours_give_unrelated_steps() -> None:
    a, b = (np.diff(steps(Poisson(), seed)) for seed in (41, 42))
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(len(a))


def test_uniform_steps_are_halves() -> None:
    assert list(islice(Uniform().steps(9), 4)) == [0.5, 1.5, 2.5, 3.5]


def test_poisson_gaps_are_exponential() -> None:
    gaps = np.diff(steps(Poisson(), 2), prepend=0.0)
    assert stats.kstest(gaps, "expon").pvalue > 0.01


@pytest.mark.parametrize("cv", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_gamma_gaps_have_their_distribution_mean_and_variation(cv: float) -> None:
    gaps = np.diff(steps(Gamma(cv), 8))
    whole = stats.gamma(1 / cv**2, scale=cv**2)
    # Very small gaps are lost in the rounding of large sums, so the rest is held against the rest.
    seen = gaps[gaps > 1e-6]
    assert len(seen) / len(gaps) == pytest.approx(whole.sf(1e-6), abs=0.01)
    assert stats.kstest(seen, lambda x: 1.0 - whole.sf(x) / whole.sf(1e-6)).pvalue > 0.01
    assert gaps.mean() == pytest.approx(1.0, abs=5 * cv / np.sqrt(len(gaps)))
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05)


@pytest.mark.parametrize("cv", [0.2, 1.0, 3.0])
def test_the_first_step_is_what_is_left_of_a_gap_so_that_no_stretch_is_favoured(cv: float) -> None:
    """Over many seeds, the mean number of steps in (0, 1/2) is 1/2, though gaps there are of any length."""
    seeds = 3000
    counts = [sum(s < 0.5 for s in islice(Gamma(cv).steps(seed), 60)) for seed in range(seeds)]
    assert np.mean(counts) == pytest.approx(0.5, abs=4 * np.std(counts) / np.sqrt(seeds))


def test_a_first_step_of_cv_one_is_exponential() -> None:
    firsts = [next(Gamma(1.0).steps(seed)) for seed in range(3000)]
    assert stats.kstest(firsts, "expon").pvalue > 0.01


@pytest.mark.parametrize("cv", [0.0, -1.0, float("nan"), 1e9])
def test_a_variation_that_makes_no_sense_is_refused(cv: float) -> None:
    with pytest.raises(ValueError, match="coefficient of variation must be above 0"):
        Gamma(cv)
