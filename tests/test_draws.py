from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from llmload.draws import Draws, mix, unit


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
