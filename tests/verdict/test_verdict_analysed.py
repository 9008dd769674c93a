"""Objectives about what analyses find: their grammar, what is judged when, and what was cut off by the end."""

from __future__ import annotations

import pytest
from verdict_runs import Run

from llmload.metrics.summary import PhaseInfo, Summary
from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective

PHASES = (PhaseInfo("baseline", 0, 10), PhaseInfo("spike", 10, 15), PhaseInfo("after", 15, 30))


def spiked(slow_until: float) -> Summary:
    run = Run(phases=PHASES)
    for n in range(600):
        at = n / 20
        run.call(at, ttft=0.05, latency=(1.0 if 10 <= at < slow_until else 0.1) * (1 + n % 7 / 20))
    for n in range(400):
        run.call(10 + n / 80, latency=1.0)
    return run.done()


def test_recovery_is_judged_with_its_interval_and_in_words() -> None:
    (judgement,) = judge([parse_objective("recovery.time{after=spike} < 12s")], spiked(20))
    assert judgement.passed
    assert judgement.observed == pytest.approx(6, abs=1)
    assert judgement.interval is not None
    assert judgement.note.startswith("latency out of the baseline's band until then, to within 1.00 s")


def test_what_has_not_recovered_meets_no_bound_from_above_however_short_the_run() -> None:
    rules = ["recovery.time{after=spike} < 10s", "recovery.time{after=spike} < 1h", "recovery.time{after=spike} > 10s"]
    found = judge([parse_objective(rule) for rule in rules], spiked(31))
    assert [judgement.passed for judgement in found] == [False, False, True]
    assert [judgement.observed for judgement in found] == [15.0] * 3
    assert found[1].margin is None
    assert "did not recover within the run: at least 15.0 s" in found[1].note


def test_there_is_no_data_before_the_run_is_over() -> None:
    (judgement,) = judge([parse_objective("recovery.time{after=spike} < 10s")], spiked(20), latest=True)
    assert (judgement.passed, judgement.observed) == (False, None)


def test_what_it_wants_is_said_where_there_is_no_data() -> None:
    found = judge(
        [parse_objective(rule) for rule in ("recovery.time{after=baseline} < 1s", "breaking.rate > 5/s",
                                            "recovery.time{after=nowhere} < 1s")],
        spiked(20),
    )  # fmt: skip
    assert "needs a baseline" in found[0].note
    assert "needs three or more measured phases" in found[1].note
    assert "there is no phase 'nowhere'" in found[2].note


def test_the_breaking_rate_lies_between_the_step_that_held_and_the_one_that_broke() -> None:
    run = Run(phases=tuple(PhaseInfo(f"step-{n}", 10 * n, 10 * n + 10) for n in range(3)))
    for n, rate in enumerate((10, 20, 30)):
        for call in range(rate * 10):
            run.call(10 * n + call / rate, latency=25.0 if n == 2 else 0.1)
    (judgement,) = judge([parse_objective("breaking.rate >= 15/s")], run.done())
    assert judgement.passed
    assert judgement.observed == 20
    assert judgement.interval == (20, 30)
    assert "broke at 30.0/s (p99 25" in judgement.note


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("recovery.time < 2m", "recovery.time{after=NAME}"),
        ("latency.p95{after=spike} < 2s", "no figure after a phase"),
        ("recovery.time{after=a,phase=b} < 1s", "can't be cut by 'phase'"),
        ("breaking.rate{class=chat} > 3/s", "the whole run only"),
        ("recovery.time{after=a} - recovery.time{after=b} < 3s", "is compared with nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(rule: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as error:
        parse_objective(rule)
    assert says in str(error.value)


def test_it_can_not_stop_a_run() -> None:
    with pytest.raises(ValueError, match="can't stop a run"):
        parse_objective("recovery.time{after=spike} < 2m", abort=True)


def test_a_bound_that_is_held_against_the_schedule_is_scaled_with_it() -> None:
    objective = parse_objective("recovery.time{after=spike} < 2m").scaled(0.02)
    assert (objective.value, objective.rule) == (2.4, "recovery.time{after=spike} < 2.4s")
    assert parse_objective(objective.rule) == objective
    assert parse_objective("latency.p95 < 2m").scaled(0.02).value == 120
