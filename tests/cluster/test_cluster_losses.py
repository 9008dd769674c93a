"""What a lost worker leaves undone is known exactly, from what was told before and from the schedule."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_run import plan_of, run_plan

from llmload.cluster import losses
from llmload.cluster.losses import Ledger, lost_calls, never_sent
from llmload.records import Origin, Outcome

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
max_tokens = 10
[classes.embed]
api = "embeddings"
[load]
process = "poisson"
[[load.phases]]
name = "calm"
duration = "10s"
rate = "5/s"
[[load.phases]]
name = "busy"
duration = "10s"
rate = "20/s"
mix = { embed = 1 }
"""
CLOSED = SCENARIO[: SCENARIO.index("process")] + 'users = 4\nthink = "1s"\nduration = "20s"'


@given(
    shard=st.integers(0, 3),
    steps=st.lists(st.tuples(st.integers(0, 5), st.randoms(use_true_random=False)), max_size=30),
    trim=st.sampled_from([0, 2, 4096]),
)
def test_a_ledger_holds_the_calls_that_are_due_and_not_over(shard: int, steps: list, trim: int) -> None:
    ledger, open_, made = Ledger(shard, 4), {}, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "_TRIM", trim)
        for count, random in steps:
            new = {shard + 4 * k: 1000 + k for k in range(made, made + count)}
            ledger.planned(new.values())
            made += count
            open_ |= new
            ended = random.sample(sorted(open_), random.randint(0, len(open_)))
            ledger.over((index, 0) for index in ended)
            for index in ended:
                del open_[index]
            assert {index: time for index, _, time in ledger.open()} == open_
            assert ledger.fallen_due == made


def test_a_ledger_keeps_nothing_of_what_is_over() -> None:
    ledger = Ledger(1, 3)
    for k in range(100_000):
        ledger.planned([k + 1])
        ledger.over([(1 + 3 * k, 0)])
    assert len(ledger._times) <= losses._TRIM + 1


@pytest.mark.parametrize("text", [SCENARIO, CLOSED])
def test_lost_calls_are_those_the_worker_would_have_recorded(text: str) -> None:
    """The whole run, told to a ledger up to the middle: what it says is open are the very calls that end later."""
    plan = plan_of(text, 'sim.first_token="2s"')
    ran = run_plan(plan, 2)
    mine = sorted((record for record in ran.records if record.worker == 1), key=lambda record: record.call.index)
    middle = mine[len(mine) // 2].planned + 1_000_000
    ledger = Ledger(1, 2)
    ledger.planned(record.planned for record in mine if record.planned <= middle)
    ledger.over((record.call.index, 0) for record in mine if record.end <= middle)
    lost = list(lost_calls(plan, ledger, ran.start, middle, 1, "was ended by SIGKILL"))
    running = [record for record in mine if record.planned <= middle < record.end]
    assert running, "the test is about calls under way"
    assert [(r.call, r.planned, r.phase, r.worker, r.origin) for r in lost] == [
        (r.call, r.planned, r.phase, r.worker, r.origin) for r in running
    ]
    assert {record.outcome for record in lost} == {Outcome.UNFINISHED}
    assert {record.detail for record in lost} == {"lost with its worker: was ended by SIGKILL"}
    assert all(record.end == middle and not record.sent for record in lost)


def test_what_was_never_sent_is_the_rest_of_the_shards_schedule() -> None:
    plan = plan_of(SCENARIO)
    whole = Counter(record.worker for record in run_plan(plan, 3).records)
    for shard in range(3):
        ledger = Ledger(shard, 3)
        ledger.planned(range(1, 11))
        assert never_sent(plan, ledger, shard, 3) == (whole[shard] - 10, whole[shard])


def test_a_bound_on_requests_bounds_what_is_missing() -> None:
    plan = plan_of(SCENARIO, "load.max_requests=20")
    assert never_sent(plan, Ledger(0, 3), 0, 3) == (7, 7)
    assert never_sent(plan, Ledger(2, 3), 2, 3) == (6, 6)


def test_users_have_no_schedule_to_be_missing_from() -> None:
    assert never_sent(plan_of(CLOSED), Ledger(0, 2), 0, 2) == (0, 0)
    assert next(iter(run_plan(plan_of(CLOSED)).records)).origin is Origin.USER


def test_later_turns_of_sessions_are_known_by_arrival_and_turn() -> None:
    ledger = Ledger(1, 2)
    ledger.planned([10, 20])
    ledger.later([(1, 1, 30), (3, 1, 40)])
    ledger.over([(1, 0), (1, 1)])
    assert sorted(ledger.open()) == [(3, 0, 20), (3, 1, 40)]
    assert ledger.fallen_due == 2
