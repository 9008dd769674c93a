"""Where a climb of the load broke, and in which order overload showed."""

from __future__ import annotations

import pytest
from analysis_runs import Made, phases

from llmload.analysis.breaking import breaking_point, steps_of
from llmload.records import Outcome

Step = tuple[int, float, dict[Outcome, float]]
"""Calls/s, latency in s, failures per second."""


def climb(*steps: Step, seconds: int = 10) -> Made:
    made = Made(phases(**{f"step-{n}": seconds for n in range(len(steps))}))
    for n, (rate, latency, failed) in enumerate(steps):
        lost = {outcome: round(share * rate) for outcome, share in failed.items()}
        good = rate - sum(lost.values())
        for second in range(n * seconds, (n + 1) * seconds):
            made.second(second, [latency] * good, lost)
    return made


def test_it_held_the_last_step_before_the_one_that_broke() -> None:
    found = breaking_point(
        climb((10, 0.1, {}), (20, 0.1, {}), (30, 0.3, {}), (40, 0.4, {Outcome.HTTP_503: 0.2})).summary
    )
    assert found is not None
    assert found.held is not None
    assert found.broke is not None
    assert (found.held.name, found.broke.name) == ("step-2", "step-3")
    assert found.rate == 30
    assert found.why() == "20% errors"
    assert found.manner() == "latency first, then load turned away (429, 503)"
    assert not found.crashed
    assert [sign.words() for sign in found.signs] == [
        "slower from 30.0/s on (3.0x the first step's latency)",
        "load turned away from 40.0/s on (20% got 429 or 503)",
    ]


def test_crashes_are_told_from_load_turned_away() -> None:
    found = breaking_point(climb((10, 0.1, {}), (20, 0.1, {}), (30, 0.1, {Outcome.CONNECT_ERROR: 0.5})).summary)
    assert found is not None
    assert found.crashed
    assert found.manner() == "crashes (5xx, lost connections)"


def test_signs_that_come_with_one_step_are_named_together() -> None:
    found = breaking_point(climb((10, 0.1, {}), (20, 0.1, {}), (30, 1.0, {Outcome.TIMEOUT_TOTAL: 0.5})).summary)
    assert found is not None
    assert found.manner() == "latency and time-outs"


def test_a_p99_beyond_its_bound_breaks_a_step_too() -> None:
    run = climb((10, 0.1, {}), (20, 0.1, {}), (30, 25.0, {})).summary
    found = breaking_point(run)
    assert found is not None
    assert found.broke is not None
    assert found.why() == "p99 25.0 s"
    looser = breaking_point(run, p99=30.0)
    assert looser is not None
    assert looser.broke is None
    assert looser.rate == 30


def test_where_the_first_step_breaks_nothing_was_held() -> None:
    found = breaking_point(climb(*[(rate, 0.1, {Outcome.HTTP_5XX: 0.5}) for rate in (10, 20, 30)]).summary)
    assert found is not None
    assert (found.held, found.rate) == (None, 0.0)


@pytest.mark.parametrize("rates", [(10,), (10, 20), (10, 60, 10), (30, 20, 10), (20, 20, 20, 20)])
def test_what_does_not_climb_has_no_breaking_point(rates: tuple[int, ...]) -> None:
    assert breaking_point(climb(*[(rate, 0.1, {}) for rate in rates]).summary) is None


def test_what_comes_down_again_is_no_part_of_the_climb() -> None:
    steps = steps_of(climb(*[(rate, 0.1, {}) for rate in (10, 20, 30, 5, 5)]).summary)
    assert [step.name for step in steps] == ["step-0", "step-1", "step-2"]


def test_arrivals_that_are_random_do_not_end_a_climb() -> None:
    steps = steps_of(climb(*[(rate, 0.1, {}) for rate in (10, 20, 19, 31)]).summary)
    assert len(steps) == 4


def test_only_what_has_happened_yet_is_looked_at() -> None:
    made = climb(*[(rate, 0.1, {}) for rate in (10, 20, 30, 40)])
    made.summary.elapsed = 30.0
    assert len(steps_of(made.summary)) == 3


def test_phases_at_one_rate_are_no_climb_however_arrivals_scatter() -> None:
    rates = [28, 27, 30, 29, 32, 33, 31, 34]
    assert steps_of(climb(*((rate, 0.1, {}) for rate in rates)).summary) == ()
