"""Calls that are tried again, through the whole engine in virtual time."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from virtual_run import Ran, plan_of, run_plan

from llmload.clock import NS
from llmload.cluster.losses import Ledger
from llmload.errors import ScenarioError
from llmload.metrics.summary import Summary
from llmload.records import Outcome, Record

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[retries.polite]
attempts = 4
on = ["http_429", "http_503"]
first = "500ms"
jitter = "none"
[classes.chat]
retry = "polite"
stream = true
prompt = { tokens = 20 }
max_tokens = 10
[load]
rate = "10/s"
duration = "30s"
[sim]
faults = [{ kind = "error", status = 503, rate = "40%" }]
"""


def attempts_of(ran: Ran) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for record in ran.records:
        found[record.call.index].append(record)
    return found


def test_every_attempt_is_a_record_and_a_call_counts_once() -> None:
    ran = run_plan(plan_of(SCENARIO))
    part = ran.summary.select()
    calls = attempts_of(ran)
    assert len(ran.records) == len(ran.truth) > len(calls) == part.calls == ran.summary.planned == ran.summary.sent
    for records in calls.values():
        assert [record.attempt for record in records] == list(range(1, len(records) + 1))
        assert [record.final for record in records] == [False] * (len(records) - 1) + [True]
        assert {record.planned for record in records} == {records[0].planned}
        assert len(records) <= 4
    assert part.attempts == {Outcome.HTTP_503: part.further_attempts}
    assert part.further_attempts == len(ran.records) - len(calls)
    failed = [records for records in calls.values() if not records[-1].outcome.good]
    assert all(len(records) == 4 for records in failed)
    assert part.errors == len(failed) > 0
    assert part.histogram("attempts").count == part.calls
    assert part.histogram("attempts").mean == pytest.approx(len(ran.records) / part.calls, rel=0.01)


def test_the_user_s_time_counts_from_the_first_plan_and_waits_are_kept() -> None:
    ran = run_plan(plan_of(SCENARIO))
    for records in attempts_of(ran).values():
        last = records[-1]
        for before, after in pairwise(records):
            assert after.due - before.end == 0.5 * NS * 2 ** (before.attempt - 1)
            assert after.dispatched == pytest.approx(after.due, abs=1e6)
        assert last.retry_wait == sum(after.due - before.end for before, after in pairwise(records))
    part = ran.summary.select()
    assert part.histogram("retry_wait").max == pytest.approx(3.5e6, rel=0.01)
    assert part.histogram("schedule_lag").max < 2000, "a wait is no delay of the generator's"
    assert part.good["latency"].max > 3.4e6 > 1e6 > part.good["latency_send"].max


def test_retry_after_is_honoured() -> None:
    keys = 'sim.keys={sim={rate="4/s", burst=4}}'
    plan = plan_of(
        SCENARIO, "sim.faults=[]", keys, "retries.polite.attempts=3",
        'retries.polite.first="1ms"',
    )  # fmt: skip
    ran = run_plan(plan)
    limited = [record for record in ran.records if record.outcome is Outcome.HTTP_429 and not record.final]
    assert limited
    calls = attempts_of(ran)
    for record in limited:
        after = calls[record.call.index][record.attempt]
        assert after.due - record.end >= record.retry_after * NS - 1 > 0


def test_a_budget_bounds_what_is_sent_more() -> None:
    ran = run_plan(plan_of(SCENARIO, 'retries.polite.budget="10%"'))
    part = ran.summary.select()
    assert 0.08 * part.calls < part.further_attempts <= 0.1 * part.calls


def test_without_a_policy_nothing_is_tried_again() -> None:
    ran = run_plan(plan_of(SCENARIO.replace('retry = "polite"\n', "")))
    assert all(record.final and record.attempt == 1 and record.retry_wait is None for record in ran.records)
    part = ran.summary.select()
    assert not part.attempts
    assert not part.histogram("attempts").count


@pytest.mark.parametrize("shards", [1, 2])
def test_attempts_keep_to_the_cap_on_calls_in_flight(shards: int) -> None:
    ran = run_plan(plan_of(SCENARIO, "load.max_in_flight=2"), shards)
    spans = [(r.dispatched, 1) for r in ran.records] + [(r.end, -1) for r in ran.records]
    most = now = 0
    for _, step in sorted(spans):
        now += step
        most = max(most, now)
    assert most <= 2
    assert any(record.queued and record.attempt > 1 for record in ran.records)
    assert ran.summary.select().calls == ran.summary.planned


def test_a_further_attempt_is_never_dropped() -> None:
    ran = run_plan(plan_of(SCENARIO, "load.max_in_flight=1", 'load.on_limit="drop"'))
    assert {record.attempt for record in ran.records if record.outcome is Outcome.DROPPED} == {1}
    assert any(record.attempt > 1 for record in ran.records)


def test_users_of_the_closed_model_wait_for_the_last_attempt() -> None:
    ran = run_plan(plan_of(SCENARIO.replace('rate = "10/s"', "users = 3")))
    calls = sorted(attempts_of(ran).values(), key=lambda records: records[0].planned)
    assert any(len(records) > 1 for records in calls)
    spans = sorted((records[0].planned, records[-1].end) for records in calls)
    for planned, _ in spans:
        assert sum(begin <= planned < end for begin, end in spans) <= 3
    assert {len(records) for records in calls} >= {1, 2}


def test_what_waits_when_the_run_is_over_is_unfinished() -> None:
    ran = run_plan(plan_of(SCENARIO, 'limits.drain="1s"', 'retries.polite.first="30s"', "load.duration=20s"))
    unfinished = [record for record in ran.records if record.outcome is Outcome.UNFINISHED]
    assert unfinished
    for record in unfinished:
        assert (record.final, record.attempt, record.sent) == (True, 2, 0)
        assert record.detail == "not tried again (the time to drain was over): waiting for its time"
    assert len(attempts_of(ran)) == ran.summary.select().calls == ran.summary.planned
    assert ran.seconds == pytest.approx(21, abs=0.1)
    assert ran.summary.select().histogram("attempts").max == 1


def test_a_run_that_is_stopped_tries_nothing_again() -> None:
    def stop(engines, loop) -> None:  # type: ignore[no-untyped-def]
        loop.call_at(loop.time() + 11, engines[0].drain)

    ran = run_plan(plan_of(SCENARIO, 'retries.polite.first="5s"'), during=stop)
    assert ran.seconds < 11.5
    calls = attempts_of(ran)
    assert all(records[-1].final for records in calls.values())
    assert len(calls) == ran.summary.planned
    assert any(records[-1].detail.startswith("not tried again (the run was stopped)") for records in calls.values())


def test_a_user_who_leaves_does_not_wait_for_the_next_attempt() -> None:
    plan = plan_of(SCENARIO, 'classes.chat.patience={after="2s"}', 'retries.polite.first="5s"')
    ran = run_plan(plan)
    left = [record for record in ran.records if record.outcome is Outcome.CANCELLED]
    assert left
    assert all(record.end - record.planned == pytest.approx(2 * NS, abs=2e6) for record in left)
    assert {record.detail for record in left} == {"the user left after 2.00 s, waiting to try again"}


def test_summaries_keep_the_attempts_in_every_form() -> None:
    summary = run_plan(plan_of(SCENARIO)).summary
    again = Summary.from_json(summary.to_json())
    assert again.select().attempts == summary.select().attempts
    again.merge(summary)
    assert again.select().further_attempts == 2 * summary.select().further_attempts


def test_a_ledger_has_a_call_open_until_its_last_attempt() -> None:
    ran = run_plan(plan_of(SCENARIO))
    ledger = Ledger(0, 1)
    ledger.planned(records[0].planned for _, records in sorted(attempts_of(ran).items()))
    ledger.over((record.call.index, record.call.turn) for record in ran.records if record.final)
    assert not list(ledger.open())


def test_an_objective_can_be_put_on_attempts() -> None:
    plan = plan_of(SCENARIO, 'objectives=["attempts.p95 <= 4", "attempts.further < 1000", "retry_wait.max < 5s"]')
    assert len(plan.objectives) == 3


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("classes.chat.retry=polit", "there is no retry policy 'polit'"),
        ('retries.polite.on=["ok"]', "is no failure of the target"),
        ("retries.polite.attempts=0", "must be at least 1"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(override: str, words: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        plan_of(SCENARIO, override)
    assert words in str(raised.value)


def test_outcomes_of_calls_are_those_of_their_last_attempts() -> None:
    ran = run_plan(plan_of(SCENARIO))
    finals = Counter(record.outcome for record in ran.records if record.final)
    assert ran.summary.select().outcomes == finals
