from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmload.draws import Draws, mix, permuted, unit


def test_a_draw_depends_on_seed_index_and_stream_alone() -> None:
    assert mix(1, 2, 3) == mix(1, 2, 3)
    assert len({mix(1, 2, 3), mix(0, 2, 3), mix(1, 1, 3), mix(1, 2, 0), mix(2, 1, 3)}) == 5


def test_the_first_draw_of_an_item_is_its_mix() -> None:
    assert Draws(9, 4, 1).bits() == mix(9, 4, 1)
    assert Draws(9, 4, 1).unit() == unit(9, 4, 1)


def test_the_bits_are_those_of_splitmix64() -> None:
    """From the state 0, what every implementation of the published generator gives first."""
    draws = Draws(0, 0, 0)
    assert [hex(draws.bits()) for _ in range(3)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


@pytest.mark.parametrize("vary", ["seed", "index", "stream", "draw"])
def test_units_are_uniform_and_unrelated_whatever_is_counted(vary: str) -> None:
    count = 20_000
    draws = Draws(5, 6, 7)
    made = {
        "seed": lambda k: unit(k, 0, 0),
        "index": lambda k: unit(1, k, 0),
        "stream": lambda k: unit(1, 0, k),
        "draw": lambda k: draws.unit(),
    }[vary]
    numbers = np.array([made(k) for k in range(count)])
    assert (numbers >= 0.0).all()
    assert (numbers < 1.0).all()
    assert stats.kstest(numbers, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 4 / np.sqrt(count)


def test_below_and_pick_are_even() -> None:
    draws = Draws(1, 1)
    numbers = [draws.below(10) for _ in range(20_000)]
    picked = [draws.pick("abcdefg") for _ in range(20_000)]
    assert set(numbers) == set(range(10))
    assert stats.chisquare(np.bincount(numbers)).pvalue > 0.01
    assert stats.chisquare([picked.count(letter) for letter in "abcdefg"]).pvalue > 0.01


def test_a_pick_takes_what_below_says() -> None:
    items = list(range(97))
    assert [Draws(3, k).pick(items) for k in range(50)] == [Draws(3, k).below(97) for k in range(50)]


def test_negative_and_huge_numbers_are_seeds_too() -> None:
    assert 0.0 <= unit(-5, 10**30, 2) < 1.0


@given(st.integers(0, 2**64 - 1), st.integers(1, 700))
def test_a_permutation_has_each_place_once(seed: int, count: int) -> None:
    assert sorted(permuted(seed, place, count) for place in range(count)) == list(range(count))


def test_permutations_are_random_and_differ() -> None:
    count, rounds = 50, 4000
    firsts = Counter(permuted(seed, 7, count) for seed in range(rounds))
    expected = rounds / count
    assert sum((firsts[place] - expected) ** 2 / expected for place in range(count)) < 86  # 99.9 % of chi2, 49 degrees
    one, other = ([permuted(seed, place, 1000) for place in range(1000)] for seed in (1, 2))
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 10
    assert sum(b == a + 1 for a, b in pairwise(one)) < 10
