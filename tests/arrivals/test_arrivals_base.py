from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from curve_kit import check_curve

from llmload.arrivals.base import BatchCurve, inverse, need, solve
from llmload.arrivals.curves import Constant, Sine, Steps
from llmload.arrivals.process import Poisson, Uniform
from llmload.arrivals.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Parabola:
    """A curve that someone else wrote, with nothing but what a curve must have: rate = height (t / duration)^2."""

    height: float
    duration: float

    def rate(self, t: float) -> float:
        return self.height * (t / self.duration) ** 2 if 0.0 <= t <= self.duration else 0.0

    def expected(self, t: float) -> float:
        return self.height * self.duration / 3.0 * (min(max(t, 0.0), self.duration) / self.duration) ** 3

    def peak(self) -> float:
        return self.height

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Parabola:
        return Parabola(self.height * rate, self.duration * time)


def test_a_curve_with_single_values_only_passes_the_kit() -> None:
    curve = Parabola(90.0, 30.0)
    assert not isinstance(curve, BatchCurve)
    check_curve(curve)


@pytest.mark.parametrize("process", [Uniform(), Poisson()])
def test_a_curve_with_single_values_only_makes_schedules(process) -> None:
    schedule = Schedule(Parabola(90.0, 30.0), process, 5)
    ats = [arrival.at for arrival in schedule.arrivals()]
    assert ats == sorted(ats)
    assert len(ats) == pytest.approx(900.0, abs=4 * 30)
    early = sum(at < 15e9 for at in ats)
    assert early == pytest.approx(900.0 / 8, abs=4 * 11)


def test_the_solver_finds_the_next_rise_through_long_flats() -> None:
    gap = Steps((1.0, 0.0, 0.0, 0.0, 1.0), 1000.0)
    found = solve(gap, np.array([0.0, 999.5, 1000.0, 1000.5, 1999.0]))
    np.testing.assert_allclose(found, [0.0, 999.5, 4000.0, 4000.5, 4999.0], atol=1e-9)


def test_the_solver_is_exact_to_a_nanosecond_or_the_rounding_of_expected_over_a_day() -> None:
    day = Sine(100.0, 99.0, 3600.0, 86_400.0)
    s = np.linspace(0.0, day.expected(86_400.0), 50_000, endpoint=False)
    times = solve(day, s)
    rounding = 2 * math.ulp(day.expected(86_400.0))
    assert (np.abs(day.expected_all(times) - s) <= day.rate_all(times) * 1e-10 + rounding).all()


def test_the_inverse_of_less_than_nothing_is_the_start() -> None:
    assert inverse(Constant(5.0, 10.0), -3.0) == 0.0


def test_need_raises_its_message() -> None:
    need(True, "never seen")
    with pytest.raises(ValueError, match="seen"):
        need(False, "seen")
