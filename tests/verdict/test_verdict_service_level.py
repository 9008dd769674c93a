"""The traffic light: what makes it yellow or red, and that it says what to look at."""

from __future__ import annotations

import pytest
from verdict_runs import Run

from llmload.analysis.insights import Gravity, Insight
from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.service_level import USUAL, Light, ServiceLevel, Standing, standing
from llmload.verdict.validity import Level, Reason, Validity
from llmload.verdict.verdict import decide

VALID = Validity(Level.VALID, ())


def run(good: int = 1000, failed: int = 0, outcome: Outcome = Outcome.HTTP_5XX) -> Summary:
    made = Run(600.0)
    for n in range(good):
        made.call(n * 0.5, latency=0.2)
    for n in range(failed):
        made.call(500 + n * 0.5, outcome=outcome)
    return made.done()


def stand(
    summary: Summary,
    *rules: str,
    level: ServiceLevel = USUAL,
    validity: Validity = VALID,
    insights: tuple[Insight, ...] = (),
) -> Standing:
    judgements = judge([*map(parse_objective, rules), *level.objectives()], summary)
    decision = decide(judgements, validity).decision
    return standing(level, summary, judgements, validity, decision, insights)


def test_all_is_well() -> None:
    found = stand(run(), "latency.p95 < 1s")
    assert (found.light, found.availability, found.burned, found.worst) == (Light.GOOD, 1.0, 0.0, 0.0)
    assert (found.reasons, found.check) == ((), ())


def test_a_missed_objective_is_critical_in_its_own_words_and_says_where_to_look() -> None:
    found = stand(run(990, 10), "errors.rate < 0.5%")
    assert found.light is Light.CRITICAL
    assert found.reasons == ("not met: errors.rate < 0.5%",)
    assert found.check[0].startswith("10 http_5xx: the target's logs")
    assert found.burned == pytest.approx(2.0), "1 % failed of the 0.5 % that may"


def test_a_promise_makes_two_objectives() -> None:
    level = ServiceLevel(0.999, 0.01, 60.0, binding=True)
    found = stand(run(990, 10), level=level)
    assert found.light is Light.CRITICAL
    assert {"the service is less available than it should be"} < set(found.reasons)
    assert found.worst == pytest.approx(10 / 110), "10 of the 110 of that minute"
    assert found.worst_at is not None
    assert found.worst_at[1] - found.worst_at[0] == 60


def test_without_a_promise_the_budget_is_shown_and_does_not_count() -> None:
    found = stand(run(900, 100), "success.rate >= 70%")
    assert found.light is Light.GOOD
    assert found.burned == pytest.approx(20.0)


def test_much_of_the_budget_spent_is_a_warning() -> None:
    found = stand(run(1000, 4), level=ServiceLevel(binding=True, window=600.0))
    assert found.light is Light.WARNING
    assert found.reasons[0] == "79.68% of the error budget is burned"


@pytest.mark.parametrize(
    ("rules", "validity", "insights"),
    [
        (("latency.p95 < 210ms",), VALID, ()),
        ((), Validity(Level.SUSPECT, (Reason("busy", Level.SUSPECT, "the machine is busy", "stop the rest"),)), ()),
        ((), VALID, (Insight("trend", Gravity.WARNING, "latency creeps", (), "look for a leak"),)),
    ],
    ids=["narrowly met", "suspect", "insight"],
)
def test_warnings(rules: tuple[str, ...], validity: Validity, insights: tuple[Insight, ...]) -> None:
    found = stand(run(), *rules, validity=validity, insights=insights)
    assert found.light is Light.WARNING
    assert found.reasons


def test_a_critical_insight_is_critical() -> None:
    assert stand(run(), insights=(Insight("x", Gravity.CRITICAL, "it crashed"),)).light is Light.CRITICAL


def test_what_can_not_be_trusted_has_no_light() -> None:
    reason = Reason("lag", Level.INVALID, "the generator was late", "use more workers")
    found = stand(run(), "latency.p95 < 1s", validity=Validity(Level.INVALID, (reason,)))
    assert found.light is Light.UNKNOWN
    assert found.reasons == ("the generator was late",)
    assert found.check == ("use more workers",)


def test_a_run_without_an_answer_has_no_availability() -> None:
    found = stand(Run(10.0).done(), "success.count > 0")
    assert (found.availability, found.burned) == (None, None)
    assert found.light is Light.CRITICAL


def test_a_share_that_cannot_be_better_is_no_warning() -> None:
    """All calls went well: neither the distance to a bound of 95 % nor a short run says anything against it."""
    found = stand(run(100), "success.rate >= 95%", "errors.rate < 0.5%")
    assert found.light is Light.GOOD
    assert stand(run(97, 3), "success.rate >= 95%").light is Light.WARNING


def test_where_there_is_no_data_nothing_is_said_of_queues() -> None:
    assert not any("queueing" in each for each in stand(Run(1.0).done(), "ttft.p95 < 500ms").check)
