"""The engine on a virtual clock: whole scenarios, minutes of load in well under a second each."""

from __future__ import annotations

from collections import Counter

import pytest
from virtual_run import plan_of, run_plan

from llmload.analysis.series import Series
from llmload.clock import NS
from llmload.records import Origin, Outcome

BASE = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
prompt = { tokens = 20 }
max_tokens = 20
[load]
process = "uniform"
rate = "5/s"
duration = "60s"
"""


def test_every_planned_call_is_made_and_recorded_once() -> None:
    ran = run_plan(plan_of(BASE))
    assert Counter(record.outcome for record in ran.records) == {Outcome.OK: 300}
    assert sorted(record.call.index for record in ran.records) == list(range(300))
    assert (ran.summary.planned, ran.summary.sent, ran.summary.completed) == (300, 300, 300)


def test_calls_leave_exactly_when_planned() -> None:
    ran = run_plan(plan_of(BASE))
    for record in ran.records:
        assert record.planned == ran.start + round((record.call.index + 0.5) / 5 * NS)
        assert record.dispatched - record.planned <= 1000, "a microsecond of rounding at most"


def test_a_slow_target_does_not_slow_the_schedule() -> None:
    """Open model: all calls leave on time although every answer takes longer than the whole run."""
    ran = run_plan(plan_of(BASE, 'sim.first_token="100s"', 'limits.drain="5m"'))
    assert max(record.dispatched - record.planned for record in ran.records) <= 1000
    assert ran.summary.health[0].max_in_flight == 300
    assert ran.seconds > 150


def test_calls_in_flight_are_counted_also_while_they_only_end() -> None:
    """5 calls a second, each of 4 s: 20 at once, and after the last has begun ever fewer."""
    ran = run_plan(plan_of(BASE, 'sim.first_token="4s"', "classes.chat.max_tokens=1", "sim.jitter=0"))
    found = Series.of(ran.summary, "", (0.0, 64.0)).in_flight
    assert found[30] == pytest.approx(20, abs=1)
    assert [found[second] for second in (60, 61, 62, 63)] == pytest.approx([20, 15, 10, 5], abs=1)


def test_times_agree_with_the_simulators_truth() -> None:
    ran = run_plan(plan_of(BASE))
    truth = sorted(ran.truth, key=lambda told: told.received)
    records = sorted(ran.records, key=lambda record: record.sent)
    assert len(truth) == len(records)
    for told, record in zip(truth, records, strict=True):
        assert told.received == record.sent
        assert list(record.answer.stamps) == list(told.content)


def test_an_hour_of_schedule_takes_seconds() -> None:
    ran = run_plan(plan_of(BASE, 'load.rate="1/s"', 'load.duration="1h"', "classes.chat.max_tokens=2"))
    assert ran.summary.completed == 3600
    assert ran.seconds == pytest.approx(3600, abs=2)


@pytest.mark.parametrize("shards", [2, 3])
def test_shards_together_send_what_one_worker_sends(shards: int) -> None:
    plan = plan_of(BASE, 'load.process="poisson"')
    alone, shared = run_plan(plan), run_plan(plan, shards)
    key = [(r.call.index, r.planned - alone.start, r.call.messages) for r in alone.records]
    merged = [(r.call.index, r.planned - shared.start, r.call.messages) for r in shared.records]
    assert sorted(key) == sorted(merged)
    assert alone.summary.planned == shared.summary.planned


# -- caps ----------------------------------------------------------------------------------------------------


CAPPED = ('sim.first_token="2s"', "load.max_in_flight=5")


def test_a_cap_makes_arrivals_wait_from_their_planned_time() -> None:
    ran = run_plan(plan_of(BASE, *CAPPED, 'load.duration="20s"', 'limits.drain="10m"'))
    assert ran.summary.health[0].max_in_flight == 5
    assert ran.summary.health[0].cap_hits > 50
    assert {record.outcome for record in ran.records} == {Outcome.OK}
    waits = [record.dispatched - record.planned for record in ran.records if record.queued]
    assert max(waits) > 5 * NS, "the wait is part of the latency from the planned time"
    slow = ran.summary.select()
    assert slow.good["ttft"].percentile(50) > slow.good["ttft_send"].percentile(50) * 1.5
    assert slow.queued == len(waits)


def test_a_cap_may_drop_arrivals_and_counts_them() -> None:
    ran = run_plan(plan_of(BASE, *CAPPED, 'load.on_limit="drop"'))
    outcomes = Counter(record.outcome for record in ran.records)
    assert outcomes[Outcome.DROPPED] == ran.summary.health[0].dropped > 100
    assert sum(outcomes.values()) == 300
    assert ran.summary.sent == outcomes[Outcome.OK]


# -- the closed model ------------------------------------------------------------------------------------------


CLOSED = BASE.replace('process = "uniform"\nrate = "5/s"', 'users = 10\nthink = "1s"')


def test_users_call_one_after_the_other() -> None:
    ran = run_plan(plan_of(CLOSED))
    assert run_plan(plan_of(CLOSED, 'load.think="0s"')).summary.health[0].max_in_flight == 10
    assert {record.origin for record in ran.records} == {Origin.USER}
    mean = sum(record.end - record.planned for record in ran.records) / len(ran.records) / NS
    assert len(ran.records) == pytest.approx(10 * 60 / (mean + 1), rel=0.05), "Little's law"


def test_users_who_come_together_do_not_call_together() -> None:
    """First calls are spread over the think time, or over 1 s, but over no more than a tenth of the run."""
    for overrides, over in ((), 1.0), (('load.think="0s"',), 1.0), (('load.think="2m"',), 6.0):
        ran = run_plan(plan_of(CLOSED, 'sim.first_token="20s"', *overrides))
        first = sorted(record.planned - ran.start for record in ran.records)[:10]
        assert first[0] == 0
        assert 0.8 * over * NS < first[-1] < over * NS
        assert max(later - sooner for later, sooner in zip(first[1:], first, strict=False)) < 0.2 * over * NS


def test_users_follow_their_curve() -> None:
    curve = ('load.think="0s"', 'load.users={type="ramp", from=0, to=20}')
    ran = run_plan(plan_of(CLOSED, *curve))
    early = sum(record.planned < ran.start + 15 * NS for record in ran.records)
    late = sum(record.planned >= ran.start + 45 * NS for record in ran.records)
    assert late > 4 * early
    assert ran.summary.health[0].max_in_flight == pytest.approx(20, abs=3)


def test_users_with_a_target_rate_are_paced() -> None:
    paced = BASE.replace('rate = "5/s"', 'rate = "5/s"\nusers = 50')
    ran = run_plan(plan_of(paced))
    assert len(ran.records) == 300
    few = run_plan(plan_of(paced, "load.users=2", 'sim.first_token="1s"', 'limits.drain="10m"'))
    assert few.summary.health[0].max_in_flight == 2
    assert len(few.records) == 300
    assert any(record.queued for record in few.records)


# -- time-outs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "outcome", "after"),
    [
        (('limits.first_token="3s"', 'sim.first_token="60s"'), Outcome.TIMEOUT_FIRST_TOKEN, 3),
        (('limits.idle="2s"', 'sim.faults=[{kind="stall", rate=1.0, after=5, pause="10m"}]'), Outcome.TIMEOUT_IDLE, 2),
        (('limits.total="0.2s"', 'sim.step="50ms"'), Outcome.TIMEOUT_TOTAL, 0.2),
        (
            ('limits.total="4s"', 'sim.first_token="60s"', "classes.chat.stream=false"),
            Outcome.TIMEOUT_TOTAL,
            4,
        ),
    ],
    ids=["first token", "idle", "total", "total of a whole answer"],
)
def test_each_time_out_is_its_own_outcome(overrides: tuple[str, ...], outcome: Outcome, after: float) -> None:
    ran = run_plan(plan_of(BASE, *overrides, 'load.duration="10s"'))
    assert {record.outcome for record in ran.records} == {outcome}
    for record in ran.records:
        since = record.answer.stamps[-1] if outcome is Outcome.TIMEOUT_IDLE else record.sent
        assert (record.end - since) / NS == pytest.approx(after, abs=0.001)


def test_keep_alive_comments_do_not_stop_the_idle_time_out() -> None:
    fault = 'sim.faults=[{kind="stall", rate=1.0, after=5, pause="10m", ping="0.5s"}]'
    ran = run_plan(plan_of(BASE, 'limits.idle="3s"', fault, 'load.duration="5s"'))
    assert {record.outcome for record in ran.records} == {Outcome.TIMEOUT_IDLE}


# -- ends ----------------------------------------------------------------------------------------------------------


def test_calls_that_outlast_the_drain_are_censored_not_lost() -> None:
    ran = run_plan(plan_of(BASE, 'sim.first_token="30s"', 'limits.drain="10s"'))
    outcomes = Counter(record.outcome for record in ran.records)
    assert outcomes[Outcome.UNFINISHED] > 50
    assert sum(outcomes.values()) == 300
    assert ran.seconds == pytest.approx(70, abs=0.1)
    assert ran.summary.select().unfinished == outcomes[Outcome.UNFINISHED]


def test_drain_sends_nothing_more_and_waits_for_what_is_in_flight() -> None:
    ran = run_plan(plan_of(BASE), during=lambda engines, loop: loop.call_at(32, engines[0].drain))
    assert {record.outcome for record in ran.records} == {Outcome.OK}
    assert len(ran.records) == pytest.approx(150, abs=1)
    assert ran.summary.health[0].unsent == 300 - len(ran.records)


def test_stop_ends_at_once_and_records_what_was_running() -> None:
    slow = plan_of(BASE, 'sim.first_token="20s"')
    ran = run_plan(slow, during=lambda engines, loop: loop.call_at(32, engines[0].stop))
    assert ran.seconds == pytest.approx(30, abs=0.1)
    outcomes = Counter(record.outcome for record in ran.records)
    assert outcomes[Outcome.UNFINISHED] == pytest.approx(100, abs=3)
    assert outcomes[Outcome.OK] == pytest.approx(50, abs=3)


def test_a_number_of_requests_can_end_the_run() -> None:
    ran = run_plan(plan_of(BASE, "load.max_requests=42"), 2)
    assert sorted(record.call.index for record in ran.records) == list(range(42))
    closed = run_plan(plan_of(CLOSED, "load.max_requests=42"))
    assert len(closed.records) == 42


# -- what targets do -------------------------------------------------------------------------------------------------


FAULTS = """
[[sim.faults]]
kind = "truncate"
rate = "10%"
after = 5
[[sim.faults]]
kind = "error-event"
rate = "10%"
after = 5
[[sim.faults]]
kind = "stall"
rate = "10%"
after = 5
pause = "3s"
"""


def test_broken_streams_are_reported_in_exactly_the_planted_shares() -> None:
    ran = run_plan(plan_of(BASE + FAULTS, 'load.rate="20/s"', 'load.duration="100s"'))
    planted = Counter(fault for told in ran.truth for fault in told.faults)
    seen = Counter(record.outcome for record in ran.records)
    total = ran.summary.select()
    assert seen[Outcome.TRUNCATED] == planted["truncate"] == pytest.approx(200, rel=0.3)
    assert seen[Outcome.ERROR_EVENT] == planted["error-event"] == pytest.approx(200, rel=0.3)
    assert total.stalled_calls == planted["stall"] == pytest.approx(200, rel=0.3)
    assert seen[Outcome.OK] == 2000 - planted["truncate"] - planted["error-event"]


def test_phases_cut_the_results_and_warm_up_is_left_out() -> None:
    phased = (
        BASE.split("[load]")[0]
        + """
[load]
process = "uniform"
[[load.phases]]
name = "warm-up"
duration = "10s"
rate = "2/s"
measure = false
[[load.phases]]
name = "peak"
duration = "20s"
rate = "10/s"
"""
    )
    ran = run_plan(plan_of(phased))
    assert Counter(record.phase for record in ran.records) == {"warm-up": 20, "peak": 200}
    assert ran.summary.select().calls == 200
    assert ran.summary.select(measured=False).calls == 220
    assert ran.summary.select(phase="peak").calls == 200
