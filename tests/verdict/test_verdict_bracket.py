"""What is left of a missed objective when the generator's own part is taken off."""

from __future__ import annotations

import errno

import pytest
from verdict_runs import Run

from llmload.metrics.disturbance import Cause
from llmload.metrics.summary import Summary, WorkerHealth
from llmload.records import SHORTAGES, Outcome
from llmload.verdict.judge import Judgement, abort_due, judge
from llmload.verdict.objectives import parse_objective

S = 1_000_000


def judged(summary: Summary, rule: str, window: float = 0.0) -> Judgement:
    return judge([parse_objective(rule, window=window)], summary)[0]


def late(health: WorkerHealth) -> None:
    health.loop_lag.record([30_000] * 100)


@pytest.mark.parametrize(
    ("rule", "sure"),
    [
        ("ttft.p50 < 90ms", False),
        ("ttft.p50 < 50ms", True),
        ("ttft.p50 < 1s", True),
        ("ttft.max < 90ms", False),
        ("ttft.mean < 90ms", False),
        ("ttft.min < 90ms", True),
        ("errors.rate < 1%", True),
        ("rate.achieved > 99%", False),
    ],
)
def test_an_outcome_is_sure_if_our_delay_would_not_change_it(rule: str, sure: bool) -> None:
    assert judged(Run().calls(700).health(late).done(), rule).sure is sure


def test_the_bracket_reaches_down_by_what_we_were_late() -> None:
    found = judged(Run().calls(700).health(late).done(), "ttft.p50 < 90ms")
    assert found.bracket == pytest.approx((0.07, 0.1), rel=0.01)


def test_an_error_status_is_the_targets_word_however_late_we_are() -> None:
    run = Run().calls(50, lag=0.09).calls(50, outcome=Outcome.HTTP_5XX).health(late)
    assert judged(run.done(), "errors.rate < 1%").sure


def test_time_outs_are_ours_only_where_the_generator_stood_still() -> None:
    def run() -> Run:
        return Run().calls(80).call(3.2, outcome=Outcome.TIMEOUT_TOTAL, latency=0.5)

    assert judged(run().done(), "errors.rate < 1%").sure
    stopped = run().health(lambda health: health.disturbances.add(Cause.STOPPED, 3 * S, S))
    assert judged(stopped.done(), "errors.rate < 1%").bracket == pytest.approx((0.0, 1 / 81))
    elsewhere = run().health(lambda health: health.disturbances.add(Cause.STOPPED, 7 * S, S))
    assert judged(elsewhere.done(), "errors.rate < 1%").sure


def test_calls_without_a_descriptor_come_off_errors_and_on_to_successes() -> None:
    run = Run().calls(90)
    for _ in range(10):
        run.call(1.0, outcome=Outcome.CONNECT_ERROR, detail=SHORTAGES[errno.EMFILE])
    summary = run.call(2.0, outcome=Outcome.HTTP_5XX).done()
    assert judged(summary, "errors.count < 1").bracket == (1, 11)
    assert judged(summary, "success.count > 95").bracket == (90, 100)
    assert judged(summary, "errors.count{outcome=http_5xx} < 1").bracket == (1, 1)
    assert judged(summary, "errors.count{class=other} < 1").bracket is None


def test_a_window_answers_only_for_the_stops_in_it() -> None:
    def stopped_at(second: int) -> Judgement:
        run = Run(20.0).calls(100, seconds=10.0, ttft=0.3).calls(50, seconds=20.0)
        run.health(lambda health: health.disturbances.add(Cause.STOPPED, second * S, 5 * S))
        return judged(run.done(), "ttft.p50 < 200ms", window=5.0)

    assert stopped_at(0).worst_window == (0, 5)
    assert not stopped_at(0).sure
    assert stopped_at(14).sure


def test_no_run_is_ended_for_what_may_be_our_own_doing() -> None:
    objective = parse_objective("ttft.p50 < 90ms", abort=True)
    assert abort_due([objective], Run().calls(700).done(), 10.0) is not None
    assert abort_due([objective], Run().calls(700).health(late).done(), 10.0) is None
