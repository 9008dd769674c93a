"""Time to recover, on runs whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from analysis_runs import Made, phases

from llmload.analysis.against import against_baseline
from llmload.analysis.recovery import Recovery, recovery, storms
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Outcome

Slower = Callable[[int], float]
"""Times as slow as usual, by seconds since the end of the spike."""
PHASES = phases(baseline=60, spike=20, after=120)
ENDED = 80


def run(
    slower: Slower = lambda s: 1.0, errors: Slower = lambda s: 0.0, seed: int = 1, infos: tuple[PhaseInfo, ...] = PHASES
) -> Summary:
    """20 calls a second, a fifth of them embeddings; the spike has five times as many and is three times as slow."""
    rng, made = np.random.default_rng(seed), Made(infos)
    spike = next(info for info in infos if info.name == "spike")
    for second in range(int(infos[-1].end)):
        inside, since = spike.start <= second < spike.end, second - spike.end
        factor = 3.0 if inside else slower(int(since)) if since >= 0 else 1.0
        for cls, calls, typical in (("chat", 16, 0.8), ("embed", 4, 0.02)):
            count = calls * (5 if inside else 1)
            failed = int(rng.binomial(count, errors(int(since)) if since >= 0 else 0.0))
            latency = factor * typical * np.exp(0.4 * rng.standard_normal(count - failed))
            made.second(second, latency, {Outcome.HTTP_503: failed}, cls)
    return made.summary


def found(*args: object, **kwargs: object) -> Recovery:
    made = recovery(run(*args, **kwargs), "spike")  # type: ignore[arg-type]
    assert made is not None
    return made


def test_latency_that_comes_back_at_once_took_no_time() -> None:
    made = found()
    assert (made.seconds, made.what, made.censored) == (0.0, "", False)
    assert made.interval == (0.0, made.resolution)


def test_the_time_is_that_until_latency_is_back() -> None:
    made = found(lambda s: 2.0 if s < 30 else 1.0)
    assert made.seconds == pytest.approx(30, abs=2)
    assert made.interval is not None
    assert made.interval[0] <= 30 <= made.interval[1]
    assert made.what == "latency"
    assert made.resolution == 1.0
    assert "to within 1.00 s" in made.words()


def test_a_queue_that_drains_slowly_is_back_where_it_meets_the_band() -> None:
    made = found(lambda s: 1.0 + max(0.0, 3.0 * (1 - s / 60)))
    assert 52 <= made.seconds <= 62


def test_errors_count_as_latency_does() -> None:
    made = found(errors=lambda s: 0.2 if s < 45 else 0.0)
    assert made.what == "errors"
    assert made.seconds == pytest.approx(45, abs=3)


def test_what_never_comes_back_is_censored() -> None:
    made = found(lambda s: 1.5)
    assert made.censored
    assert (made.seconds, made.interval) == (120.0, None)
    assert made.words() == "latency did not recover within the run: at least 2 m 00 s, to within 1.00 s"


def test_coming_back_for_a_moment_is_not_staying_there() -> None:
    made = found(lambda s: 1.0 if 20 <= s < 40 or s >= 70 else 2.0)
    assert made.seconds == pytest.approx(70, abs=2)


def test_a_target_that_answers_nothing_any_more_has_not_recovered() -> None:
    summary = run()
    for second in range(ENDED, 200):
        unclassed = summary.windows[second][""]
        summary.windows[second] = {"": unclassed}
    made = recovery(summary, "spike")
    assert made is not None
    assert made.censored


def test_what_is_observed_ends_where_the_load_rises_again() -> None:
    infos = phases(baseline=60, spike=20, quiet=40, again=20)
    summary = run(infos=infos, slower=lambda s: 1.5)
    for second in range(120, 140):
        summary.windows[second][""].planned += 80
    made = recovery(summary, "spike")
    assert made is not None
    assert (made.observed, made.censored) == (40.0, True)


def test_a_change_of_the_mix_is_no_slowness() -> None:
    summary = run()
    for second in range(ENDED, 200):
        del summary.windows[second]["embed"]
    made = recovery(summary, "spike")
    assert made is not None
    assert made.what == ""


def test_one_class_can_be_looked_at() -> None:
    summary = run(lambda s: 2.0 if s < 30 else 1.0)
    one = recovery(summary, "spike", cls="embed")
    assert one is not None
    assert one.seconds == pytest.approx(30, abs=6)
    assert one.resolution == 3.0, "so few calls need wider stretches"


@pytest.mark.parametrize(
    ("after", "baseline"), [("nowhere", ""), ("baseline", ""), ("after", ""), ("spike", "nowhere")]
)
def test_without_a_phase_or_time_after_it_there_is_none(after: str, baseline: str) -> None:
    assert recovery(run(), after, baseline) is None


def test_healthy_runs_are_seldom_said_to_have_been_out_of_the_band() -> None:
    wrong = sum(found(seed=seed).what != "" for seed in range(30))
    assert wrong <= 4, "at most 5 % of 30, and two standard errors"


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(20):
        interval = found(lambda s: 1.6 if s < 30 else 1.0, seed=seed).interval
        held += interval is not None and interval[0] <= 30 <= interval[1]
    assert held >= 18, "95 % of 20, and one standard error; whole windows make it wider"


def test_a_phase_that_takes_no_time_is_no_storm_and_no_baseline() -> None:
    made = run()
    start, *others = made.phases
    made.phases = (PhaseInfo(start.name, start.start, start.start), *others)
    assert storms(made) == {}
    assert against_baseline(made) is None
