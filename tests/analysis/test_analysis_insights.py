"""Insights: the gravest first, none where there is nothing to say."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_runs import Made, phases

from llmload.analysis.insights import FINDERS, Facts, Gravity, insights
from llmload.metrics.observed import Observed
from llmload.metrics.summary import Summary
from llmload.records import Outcome


def stepped(*errors: int, outcome: Outcome = Outcome.HTTP_503) -> Summary:
    """Steps of 10 s at 20, 40, 60 ... calls/s, of which so many fail in each second."""
    made = Made(phases(**{f"step-{n}": 10 for n in range(len(errors))}))
    for n, failed in enumerate(errors):
        for second in range(10 * n, 10 * n + 10):
            made.second(second, [0.1] * (20 * (n + 1) - failed), {outcome: failed})
    return made.summary


def test_a_run_of_which_nothing_is_to_be_said_has_none() -> None:
    assert insights(Summary(), Facts()) == ()
    assert all(list(find(Summary(), Facts())) == [] for find in FINDERS)


def test_how_a_target_broke_is_told_with_its_evidence() -> None:
    (found,) = insights(stepped(0, 0, 20), Facts())
    assert (found.code, found.level) == ("breaking", Gravity.WARNING)
    assert found.text == "it held 40.0/s and broke at 60.0/s (33.33% errors): load turned away (429, 503)"
    assert found.evidence == ("load turned away from 60.0/s on (33.33% got 429 or 503)",)
    assert "add capacity" in found.advice


def test_crashes_under_load_are_critical() -> None:
    (found,) = insights(stepped(0, 0, 20, outcome=Outcome.HTTP_5XX), Facts())
    assert found.level is Gravity.CRITICAL
    assert "429 or 503" in found.advice


def test_one_that_did_not_break_is_told_too() -> None:
    (found,) = insights(stepped(0, 0, 0), Facts())
    assert found.level is Gravity.GOOD
    assert found.text == "it held every step of the load, up to 60.0/s"


def test_one_that_broke_at_once_is_told_so() -> None:
    (found,) = insights(stepped(10, 20, 30), Facts())
    assert found.text.startswith("it broke at the first step at 20.0/s (50% errors)")


def spiked(*lasts: float) -> Summary:
    """Spikes of 20 s after 60 s of quiet, each followed by 60 s of which so many are twice as slow."""
    names = {"quiet": 60.0} | {
        f"{kind}-{n}": s for n in range(len(lasts)) for kind, s in (("spike", 20.0), ("after", 60.0))
    }
    made = Made(phases(**names))
    for second in range(60 + 80 * len(lasts)):
        n, inside = divmod(second - 60, 80)
        spiking = second >= 60 and inside < 20
        slow = spiking or (second >= 60 and inside - 20 < lasts[n])
        calls = 100 if spiking else 20
        made.second(second, [(0.2 if slow else 0.1) * (1 + (7 * n + second) % 20 / 100) for n in range(calls)])
    return made.summary


def test_recovery_from_each_spike_is_told_by_its_name() -> None:
    (found,) = insights(spiked(0, 30), Facts())
    assert (found.code, found.level) == ("recovery", Gravity.GOOD)
    assert found.text.startswith(
        "latency and errors were back within the band of quiet times at most 30.0 s after spike-1"
    )
    assert found.evidence[0] == "after spike-0: at once, to within 1.00 s"
    assert found.evidence[1].startswith("after spike-1: 30.0 s (")


def test_a_spike_it_did_not_recover_from_is_a_warning() -> None:
    (found,) = insights(spiked(0, 60), Facts())
    assert found.level is Gravity.WARNING
    assert found.text == "latency or errors did not come back within the band of quiet times after spike-1"
    assert found.evidence[1] == "after spike-1: at least 60.0 s, when it was last looked at"
    assert found.advice


def test_a_spike_that_dropped_at_once_to_normal() -> None:
    (found,) = insights(spiked(0), Facts())
    assert found.text.endswith("as soon as the load dropped")


def test_what_grows_at_a_steady_load_is_told_and_not_what_grows_with_the_load() -> None:
    def run(rate: float, slower: float) -> Summary:
        rng, made = np.random.default_rng(4), Made(phases(warm=10, hold=120))
        for second in range(130):
            noise = np.exp(0.4 * rng.standard_normal(round(20 * (1 + rate * second / 130))))
            made.second(second, 0.1 * (1 + slower * second / 130) * noise)
        return made.summary

    (found,) = insights(run(0.0, 1.0), Facts())
    assert (found.code, found.level) == ("trend", Gravity.WARNING)
    assert found.text.startswith("at a steady load, latency grew by ")
    assert "from the beginning of hold to its end" in found.text
    assert "120 s" in found.evidence[0] or "2 m" in found.evidence[0]
    assert insights(run(0.0, 0.0), Facts()) == ()
    assert insights(run(1.0, 1.0), Facts()) == ()


def test_a_step_that_chance_gave_no_more_than_the_last_is_told_by_name() -> None:
    made = Made(phases(**{f"step-{n}": 10 for n in range(5)}))
    for n, (good, failed) in enumerate(((20, 0), (40, 0), (61, 0), (45, 15), (60, 30))):
        for second in range(10 * n, 10 * n + 10):
            made.second(second, [0.1] * good, {Outcome.HTTP_503: failed})
    (found,) = insights(made.summary, Facts())
    assert found.text.startswith("it held step-2 (61.0/s) and broke at 60.0/s in step-3 (25% errors)")


@pytest.mark.parametrize(("grows", "told"), [(1.5, False), (20.0, True)])
def test_calls_in_flight_that_the_load_s_own_chance_explains_are_no_trend(grows: float, told: bool) -> None:
    made = Made(phases(held=12))
    for second in range(12):
        made.second(second, [0.1] * 15)
        made.summary.windows[second][""].peaks = {0: int(84 + grows * second)}
    assert ("trend" in {each.code for each in insights(made.summary, Facts())}) is told


def observed(memory: float = 0.0, cpu: float = 0.0, ended: float | None = None) -> Summary:
    """40 s of 20 calls/s; the target's memory grows by ``memory`` MiB/s, its CPU use by ``cpu`` a second."""
    made = Made(phases(hold=40.0))
    seen = Observed("process 7")
    for second in range(40):
        made.second(second, [0.1] * 20)
        seen.samples("memory").read(second, (200 + memory * second) * 2**20)
        seen.samples("cpu").lasted(second, second + 1, min(1.0, 0.1 + cpu * second))
    seen.ended = [] if ended is None else [ended]
    made.summary.observed["server"] = seen
    return made.summary


def test_memory_that_grows_at_a_steady_load_is_told() -> None:
    (found,) = insights(observed(memory=5.0), Facts())
    assert (found.code, found.level) == ("leak", Gravity.WARNING)
    assert found.text == "at a steady load, memory (server) grew from the beginning of hold to its end"
    assert found.evidence[0].startswith("memory of server: 67% to 67%, over 40.0 s")


def test_a_resource_that_is_used_up_is_told_with_when() -> None:
    (found,) = insights(observed(cpu=0.04), Facts())
    assert (found.code, found.level) == ("saturated", Gravity.NOTE)
    assert found.text == "CPU, of the machine (server) was used up from 20.0 s on"
    assert found.evidence == ("cpu of server: 99.1% on average in 20.0 s from 20.0 s on",)


def test_a_moment_of_full_use_and_a_little_growth_are_not() -> None:
    summary = observed(memory=0.2)
    summary.observed["server"].samples("cpu").read(7, 50.0)
    assert insights(summary, Facts()) == ()


def test_a_target_that_ended_is_critical() -> None:
    (found,) = insights(observed(ended=12.5), Facts())
    assert (found.code, found.level) == ("ended", Gravity.CRITICAL)
    assert found.text == "process 7 ended while it was observed, at 12.5 s"
