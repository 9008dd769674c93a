"""Time until steady, on phases whose truth is known."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from analysis_runs import Made, phases

from llmload.analysis.insights import Facts, insights
from llmload.analysis.steady import Settling, settling, shifts, swing
from llmload.clock import NS
from llmload.metrics.summary import Summary
from llmload.metrics.track import Track
from llmload.records import Outcome


def run(slower: Callable[[int], float], errors: Callable[[int], float] = lambda s: 0.0, seed: int = 1) -> Summary:
    """20 calls a second for two minutes, after half a minute of others."""
    rng, made = np.random.default_rng(seed), Made(phases(before=30, day=120))
    for second in range(150):
        failed = int(rng.binomial(20, errors(second - 30))) if second >= 30 else 0
        latency = (slower(second - 30) if second >= 30 else 5.0) * np.exp(0.4 * rng.standard_normal(20 - failed))
        made.second(second, latency, {Outcome.HTTP_503: failed})
    return made.summary


def found(slower: Callable[[int], float], errors: Callable[[int], float] = lambda s: 0.0, seed: int = 1) -> Settling:
    made = settling(run(slower, errors, seed), "day")
    assert made is not None
    return made


def test_a_phase_that_is_steady_from_the_start_took_no_time() -> None:
    made = found(lambda s: 1.0)
    assert (made.seconds, made.what, made.interval) == (0.0, "", (0.0, 1.0))
    assert made.words() == "steady from the start, to within 1.00 s"


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_slower_or_faster_at_first_is_not_steady_yet(factor: float) -> None:
    made = found(lambda s: factor if s < 20 else 1.0)
    assert made.seconds == pytest.approx(20, abs=2)
    assert made.interval is not None
    assert made.interval[0] <= 20 <= made.interval[1]
    assert made.ratio == pytest.approx(factor, rel=0.15)
    assert made.what == "latency"


def test_errors_at_first_are_not_steady_either() -> None:
    made = found(lambda s: 1.0, lambda s: 0.3 if s < 25 else 0.0)
    assert (made.what, made.seconds) == ("errors", pytest.approx(25, abs=2))
    assert made.failed == (pytest.approx(0.3, abs=0.05), 0.0)
    assert re.fullmatch(
        r"errors not steady until then \(\d\d(\.\d)?% of calls failed instead of 0%\), .*", made.words()
    )


@pytest.mark.parametrize("until", [58, 70, 95])
def test_what_lasts_to_the_middle_or_beyond_was_not_seen_to_become_steady(until: int) -> None:
    made = found(lambda s: 2.0 if s < until else 1.0)
    assert made.censored
    assert (made.seconds, made.interval) == (60.0, None)


def test_healthy_phases_are_seldom_said_to_be_unsteady() -> None:
    assert sum(found(lambda s: 1.0, seed=seed).what != "" for seed in range(40)) <= 5


def test_there_is_none_of_a_phase_that_is_not_there_or_too_short() -> None:
    summary = run(lambda s: 1.0)
    assert settling(summary, "night") is None
    summary.elapsed = 33.0
    assert settling(summary, "day") is None


def test_warm_up_is_told_where_it_was_measured() -> None:
    made = Made(phases(hold=120))
    rng = np.random.default_rng(2)
    for second in range(120):
        made.second(second, (3.0 if second < 20 else 1.0) * np.exp(0.4 * rng.standard_normal(20)))
    (insight,) = [each for each in insights(made.summary, Facts()) if each.code == "warm_up"]
    assert re.fullmatch(
        r"the first 20.0 s of hold are not like the rest of it: latency (3|2\.9|3\.1) times as high", insight.text
    )
    assert "measure = false" in insight.advice


def test_a_level_that_comes_and_goes_swings_and_one_that_stays_does_not() -> None:
    thrashing = run(lambda s: 4.0 if s // 10 % 2 else 1.0)
    found_swing, calm = swing(thrashing, (30.0, 150.0)), swing(run(lambda s: 1.0), (30.0, 150.0))
    assert found_swing is not None
    assert calm is not None
    assert found_swing[0] == pytest.approx(4, rel=0.3)
    assert calm[0] < 1.4
    assert swing(thrashing, (30.0, 33.0)) is None


def test_a_level_that_changes_at_a_steady_load_is_told_with_its_time() -> None:
    rng, made = np.random.default_rng(7), Made(phases(hold=120))
    for second in range(120):
        made.second(second, (0.5 if second >= 70 else 1.0) * np.exp(0.4 * rng.standard_normal(20)))
    ((at, ratio),) = shifts(made.summary, (0.0, 120.0))
    assert at == pytest.approx(70, abs=2)
    assert ratio == pytest.approx(0.5, rel=0.15)
    (insight,) = [each for each in insights(made.summary, Facts()) if each.code == "levels"]
    assert insight.text == "at a steady load, latency changed its level once in hold"
    assert re.fullmatch(r"0\.\d+x from (6|7)\d\.\d s on", insight.evidence[0])
    assert shifts(made.summary, (0.0, 60.0)) == ()


def told(errors: Callable[[int], float], outage: bool = False) -> list[str]:
    made = Made(phases(hold=120))
    for second in range(120):
        failed = round(20 * errors(second))
        made.second(second, np.ones(20 - failed), {Outcome.HTTP_503: failed})
    if outage:
        made.summary.tracks["provider"] = failing()
    return [each.text for each in insights(made.summary, Facts()) if each.code == "warm_up"]


def failing() -> Track:
    """One provider fails for 2 s, and another takes over."""
    track = Track()
    for tenth in range(200):
        down = 55 <= tenth < 75
        track.add("b" if down else "a", 50 <= tenth < 55, tenth * NS // 10)
    return track


def test_errors_at_first_are_told_but_not_where_a_server_failed() -> None:
    assert told(lambda s: 0.2 if s < 20 else 0.0) == [
        "the first 20.0 s of hold are not like the rest of it: 20% of calls failed instead of 0%"
    ]
    assert told(lambda s: 0.2 if s < 20 else 0.0, outage=True) == []


def test_outages_that_come_again_and_again_are_no_warm_up() -> None:
    assert told(lambda s: 0.5 if s % 12 < 2 else 0.0) == []


@pytest.mark.parametrize("factor", [1.03, 1.15, 0.87])
def test_a_warm_up_of_some_per_cent_is_not_worth_a_word(factor: float) -> None:
    made = Made(phases(hold=120))
    for second in range(120):
        made.second(second, [factor if second < 20 else 1.0] * 20)
    settled = settling(made.summary, "hold")
    assert settled is not None
    assert settled.seconds == 20.0
    assert [each for each in insights(made.summary, Facts()) if each.code == "warm_up"] == []
