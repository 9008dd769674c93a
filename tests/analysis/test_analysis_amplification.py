"""Retry storms and failovers, as insights that say what happened."""

from __future__ import annotations

from analysis_runs import Made, phases

from llmload.analysis.amplification import amplified
from llmload.analysis.insights import Facts, Gravity, insights
from llmload.clock import NS
from llmload.metrics.summary import Summary
from llmload.metrics.track import Track
from llmload.records import Outcome


def tried(**attempts: int) -> Summary:
    """Phases of 10 s at 10 calls/s, in which so many further attempts were made; half of the calls fail."""
    made = Made(phases(**dict.fromkeys(attempts, 10)))
    for n in range(10 * len(attempts)):
        made.second(n, [0.1] * 5, {Outcome.HTTP_503: 5})
    for key, part in made.summary.cells.items():
        if attempts[key.phase]:
            part.attempts[Outcome.HTTP_503] = attempts[key.phase]
    return made.summary


def test_attempts_per_call_of_each_phase_that_has_retries() -> None:
    found = amplified(tried(calm=0, flood=150, after=10))
    assert [(each.phase, each.factor, each.storm) for each in found] == [("flood", 2.5, True), ("after", 1.1, False)]
    assert found[0].failed == 0.5


def test_a_storm_is_told() -> None:
    (told,) = [each for each in insights(tried(calm=0, flood=150), Facts()) if each.code == "retries"]
    assert told.level is Gravity.WARNING
    assert told.text == "a retry storm in flood: 2.5 attempts per call"
    assert told.evidence == ("flood: 250 attempts for 100 calls, 50% of which failed in the end",)


def test_a_few_retries_are_no_storm() -> None:
    assert [each for each in insights(tried(calm=5), Facts()) if each.code == "retries"] == []


def switched(*stories: tuple[float, float, str, bool]) -> Summary:
    track = Track()
    for start, end, value, failed in stories:
        for n in range(round((end - start) * 10)):
            track.add(value, failed, round((start + n / 10) * NS))
    return Summary(tracks={"provider": track})


def test_a_failover_is_told_with_its_times() -> None:
    (told,) = insights(
        switched((0, 30, "a", False), (30, 32, "a", True), (32, 60, "b", False), (60, 90, "a", False)), Facts()
    )
    assert (told.code, told.level) == ("failover", Gravity.WARNING)
    assert told.text == "1 outage of one provider, another took over each time; 20 calls lost"
    assert told.evidence == ("at 30.0 s a failed 20 calls, b served 2.00 s later, a was back at 60.0 s",)


def test_a_failover_that_does_not_come_is_critical() -> None:
    (told,) = insights(switched((0, 30, "a", False), (30, 50, "a", True)), Facts())
    assert told.level is Gravity.CRITICAL
    assert told.evidence == ("at 30.0 s a failed 200 calls, nobody took over",)


def test_one_that_nobody_felt_is_good() -> None:
    (told,) = insights(switched((0, 30, "a", False), (30, 50, "b", False)), Facts())
    assert told.level is Gravity.GOOD
    assert told.text.endswith("and no call was lost")
    assert told.evidence == ("at 30.0 s b served in place of a",)
