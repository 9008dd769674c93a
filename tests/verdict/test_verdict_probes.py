"""Objectives about a probe: how soon it was answered, when it was not, and what the prober has to do with it."""

from __future__ import annotations

import pytest

from llmload.analysis.insights import Facts, insights
from llmload.metrics.observed import Observed
from llmload.metrics.probed import Answered, Probed, Stall
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.probes import PROBE_STATS
from llmload.verdict.validity import RunFacts, validity

PHASES = (PhaseInfo("warm", 0, 10, measure=False), PhaseInfo("low", 10, 50), PhaseInfo("high", 50, 100))


def probed(own: float = 0.0) -> Observed:
    """20 probes a second for 100 s, which take 2 ms, in the high phase 8 ms; one in a hundred is lost there."""
    found = Observed("20 probes/s of /health", probed=Probed(20.0, 0.1))
    assert found.probed is not None
    high = [Answered(n / 20, 5.0 if n % 100 == 0 else 0.008, own, n % 100 == 0) for n in range(1000, 2000)]
    found.probed.take([*(Answered(n / 20, 0.002, own) for n in range(1000)), *high])
    for at, seconds in ((5.0, 0.9), (20.0, 0.3), (60.0, 0.5), (70.0, 0.2)):
        found.probed.stalled(Stall(at, seconds, before=0.04, own=0.01))
    return found


def summary_of(**observed: Observed) -> Summary:
    return Summary(elapsed=100.0, phases=PHASES, observed=observed)


def verdict(rule: str, **observed: Observed) -> Judgement:
    return judge([parse_objective(rule)], summary_of(**observed))[0]


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("target.probe.p50{phase=low} < 1s", 0.002),
        ("target.probe.p50{phase=high} < 1s", 0.008),
        ("target.probe.p99.9{phase=high} < 1s", 5.0),
        ("target.probe.lost <= 0", 10),
        ("target.probe.lost{phase=low} <= 0", 0),
        ("target.stalls.count <= 0", 3),
        ("target.stalls.count{phase=low} <= 0", 1),
        ("target.stalls.longest < 1s", 0.49),
        ("target.stalls.longest{phase=low} < 1s", 0.29),
    ],
)
def test_figures_are_of_measured_time_or_of_a_phase(rule: str, value: float) -> None:
    assert verdict(rule, health=probed()).observed == pytest.approx(value, rel=0.01)


def test_every_statistic_reads_a_number() -> None:
    for stat in PROBE_STATS:
        bound = "0" if stat in ("probe.lost", "stalls.count") else "0s"
        assert verdict(f"target.{stat} >= {bound}", health=probed()).passed, stat


def test_the_only_probe_need_not_be_named() -> None:
    assert verdict("target.stalls.count <= 9", health=probed(), server=Observed("process 7")).observed == 3


def test_the_longest_is_told_with_its_bounds_and_its_time() -> None:
    note = verdict("target.stalls.count <= 0", health=probed()).note
    assert note == "the longest 490 ms to 540 ms, 60.0 s into the run"


def test_a_prober_that_was_late_itself_says_so() -> None:
    assert verdict("target.probe.p50{phase=high} < 1s", health=probed()).note == ""
    late = verdict("target.probe.p50{phase=high} < 1s", health=probed(0.02)).note
    assert late.startswith("the prober itself was late by 20")


def test_what_the_prober_may_have_done_itself_decides_nothing() -> None:
    """It takes 2 ms, which is missed for sure; or 2 ms of which 1.9 ms may be the prober's own."""
    for own, sure in ((0.0, True), (0.0019, False)):
        found = verdict("target.probe.p50{phase=low} < 1ms", health=probed(own))
        assert not found.passed
        assert found.sure is sure
        assert found.bracket == pytest.approx((0.002 - own, 0.002), rel=0.02)
        reasons = validity(summary_of(health=probed(own)), RunFacts(judgements=(found,))).reasons
        assert ("undecided" in {reason.code for reason in reasons}) is not sure


def test_a_percentile_has_an_interval_and_says_when_there_are_too_few() -> None:
    few = Observed("x", probed=Probed(20.0, 0.1))
    assert few.probed is not None
    few.probed.take([Answered(20 + n / 20, 0.002) for n in range(50)])
    assert verdict("target.probe.p99 < 1s", health=few).note == "not enough samples: 50, probe.p99 needs 662"
    low, high = verdict("target.probe.p99{phase=high} < 1s", health=probed()).interval or (0.0, 0.0)
    assert low == pytest.approx(0.008, rel=0.01)
    assert high == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize(
    ("observed", "why"),
    [
        ({}, "nothing observes the target"),
        ({"a": Observed("process 7")}, 'a is no probe: give an [observe.NAME] probe = "/health"'),
        ({"a": Observed(trouble="nothing listens there", probed=Probed(20.0, 0.1))}, "nothing listens there"),
        ({"a": probed(), "b": probed()}, "there are several observers (a, b)"),
    ],
)
def test_no_data_says_why(observed: dict[str, Observed], why: str) -> None:
    found = verdict("target.stalls.count <= 0", **observed)
    assert found.observed is None
    assert why in found.note


def test_an_insight_tells_when_the_loop_was_blocked_the_longest_first() -> None:
    (found,) = insights(Summary(elapsed=100.0, phases=PHASES, observed={"health": probed()}), Facts())
    assert found.code == "stalls"
    assert found.text == "the server's event loop was blocked 4 times, for up to 890 ms, as health saw"
    assert found.evidence[0] == "5.00 s into the run for 890 ms to 940 ms"
    calm = Observed("x", probed=Probed(20.0, 0.1))
    assert insights(Summary(elapsed=100.0, phases=PHASES, observed={"health": calm}), Facts()) == ()
