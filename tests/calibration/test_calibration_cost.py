"""What a call and an event cost is found again in CPU times made from it, noise or not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.calibration.cost import CEILING, Cost, Spent, fit
from llmload.metrics.precision import FULL, Capacity, Pace

STREAMS = [Pace(rate, rate * 40) for rate in (25, 50, 100, 200, 400, 700)]
WHOLE = [Pace(rate, 0) for rate in (100, 300, 700, 1500)]


def spent(cost: Cost, pace: Pace, off: float = 0.0, seconds: float = 0.5) -> Spent:
    cpu = (cost.cpu(pace) + off) * seconds
    return Spent(seconds, cpu, round(pace.calls * seconds), round(pace.events * seconds))


@settings(deadline=None)
@given(idle=st.floats(0.0, 0.2), call=st.floats(20e-6, 500e-6), event=st.floats(2e-6, 40e-6))
def test_without_noise_the_cost_is_exact(idle: float, call: float, event: float) -> None:
    cost = Cost(idle, call, event)
    found = fit([spent(cost, pace, seconds=1.0) for pace in STREAMS + WHOLE])
    assert (found.idle, found.call, found.event) == pytest.approx((idle, call, event), rel=1e-3, abs=1e-6)


def test_the_grain_of_the_cpu_clock_hardly_shows() -> None:
    rng = random.Random(3)
    cost = Cost(0.03, 300e-6, 15e-6)
    stretches = [spent(cost, pace, rng.uniform(-0.02, 0.02)) for pace in STREAMS + WHOLE for _ in range(5)]
    found = fit(stretches)
    assert found.call == pytest.approx(cost.call, rel=0.1)
    assert found.event == pytest.approx(cost.event, rel=0.1)
    assert 0.0 < found.spread < 0.02


def test_stretches_in_which_something_else_happened_are_left_out() -> None:
    cost = Cost(0.03, 300e-6, 15e-6)
    stretches = [spent(cost, pace) for pace in STREAMS + WHOLE for _ in range(5)]
    disturbed = [spent(cost, pace, 0.5) for pace in STREAMS[:4] + WHOLE[:2]]
    found = fit([*stretches, *disturbed])
    assert (found.call, found.event) == pytest.approx((cost.call, cost.event), rel=0.02)


def test_no_part_of_a_cost_is_ever_negative() -> None:
    """The lowest loads took more than the line through the others says."""
    stretches = [spent(Cost(0.0, 300e-6, 15e-6), pace, -0.05) for pace in STREAMS + WHOLE]
    found = fit([Spent(each.seconds, max(0.0, each.cpu), each.calls, each.events) for each in stretches])
    assert min(found.idle, found.call, found.event) >= 0.0


@pytest.mark.parametrize("paces", [STREAMS[:2], WHOLE, []], ids=["too few", "no streams", "none"])
def test_too_few_different_loads_tell_nothing(paces: list[Pace]) -> None:
    with pytest.raises(ValueError, match="too few different loads"):
        fit([spent(Cost(0.0, 300e-6, 15e-6), pace) for pace in paces])


def test_noise_alone_is_no_cost() -> None:
    with pytest.raises(ValueError, match="too busy with other things"):
        fit([Spent(1.0, 0.5, round(pace.calls), round(pace.events)) for pace in STREAMS + WHOLE])


def test_at_the_ceiling_a_worker_uses_the_share_of_a_core_that_is_allowed() -> None:
    cost = Cost(0.05, 300e-6, 15e-6)
    capacity = cost.capacity
    assert cost.cpu(Pace(events=capacity.events_per_second)) == pytest.approx(CEILING)
    assert cost.cpu(Pace(calls=capacity.requests_per_second)) == pytest.approx(CEILING)
    rate = capacity.streams_per_second
    assert cost.cpu(Pace(rate, 100 * rate)) == pytest.approx(CEILING)


@settings(deadline=None)
@given(calls=st.floats(0, 1e5), events=st.floats(0, 1e7))
def test_so_many_workers_are_enough_and_one_less_is_not(calls: float, events: float) -> None:
    capacity, pace = Capacity(50_000, 2_000), Pace(calls, events)
    workers = capacity.workers(pace)
    assert capacity.share(pace.over(workers)) <= FULL + 1e-6
    assert workers == 1 or capacity.share(pace.over(workers - 1)) > FULL
