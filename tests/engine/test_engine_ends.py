"""How runs begin and end where calls wait for a place, or where they are stopped: on the virtual clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from virtual_run import plan_of, run_plan

from llmload.engine.run import Engine
from llmload.engine.virtual import VirtualLoop
from llmload.records import Outcome

BASE = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
max_tokens = 20
[load]
"""
QUEUE = BASE + 'max_in_flight = 1\nprocess = "uniform"\nrate = "20/s"\nduration = "2s"\n'


def test_users_of_the_closed_model_wait_for_the_start() -> None:
    ran = run_plan(plan_of(BASE + 'users = 3\nduration = "2s"'), shards=2)
    assert min(record.planned for record in ran.records) >= ran.start
    assert min(record.sent for record in ran.records) >= ran.start


def test_users_with_a_rate_send_what_was_planned_before_the_end() -> None:
    ran = run_plan(plan_of(BASE + 'users = 1\nprocess = "uniform"\nrate = "20/s"\nduration = "1s"'))
    assert Counter(record.outcome for record in ran.records) == {Outcome.OK: 20}
    assert ran.seconds < 15


def test_what_can_never_start_is_not_waited_for() -> None:
    """The users have left by the end; nobody is there to make the calls that still wait."""
    load = 'users = { type = "ramp", from = 1, to = 0 }\nprocess = "uniform"\nrate = "20/s"\nduration = "2s"'
    ran = run_plan(plan_of(BASE + load))
    assert {record.outcome for record in ran.records} == {Outcome.OK, Outcome.UNFINISHED}
    assert len(ran.records) == ran.summary.planned == 40
    assert ran.seconds < 5


def test_a_stop_sends_nothing_more_of_what_waits_under_a_cap() -> None:
    def during(engines: Sequence[Engine], loop: VirtualLoop) -> None:
        loop.call_later(1.5, engines[0].drain)

    ran = run_plan(plan_of(QUEUE), during=during)
    outcomes = Counter(record.outcome for record in ran.records)
    assert outcomes[Outcome.OK] <= 3
    assert outcomes[Outcome.UNFINISHED] >= 7
    assert ran.summary.planned + ran.summary.health[0].unsent == 40
    assert ran.seconds < 2


def test_a_stop_while_draining_sends_nothing_more_either() -> None:
    def during(engines: Sequence[Engine], loop: VirtualLoop) -> None:
        loop.call_later(4.0, engines[0].drain)

    ran = run_plan(plan_of(QUEUE), during=during)
    assert len(ran.records) == 40
    assert 3.0 < ran.seconds < 4.0


def test_places_under_a_cap_are_shared_exactly() -> None:
    ran = run_plan(plan_of(BASE + 'max_in_flight = 5\nrate = "100/s"\nduration = "2s"'), shards=3)
    assert sorted(health.max_in_flight for health in ran.summary.health.values()) == [1, 2, 2]


def test_what_a_long_schedule_still_held_is_counted_without_walking_it() -> None:
    load = 'process = "uniform"\nrate = "2000/s"\nduration = "2h"\nmax_requests = 14000001'
    plan = plan_of(BASE + load)

    def both(engines: Sequence[Engine], loop: VirtualLoop) -> None:
        for engine in engines:
            loop.call_later(0.0, engine.stop)

    ran = run_plan(plan, shards=2, during=both)
    assert [ran.summary.health[shard].unsent for shard in (0, 1)] == [7_000_001, 7_000_000]
