"""Impatience and integrity, through the whole engine in virtual time."""

from __future__ import annotations

from collections import Counter

import pytest
from virtual_run import plan_of, run_plan

from llmload.clock import NS
from llmload.records import Outcome

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
stream = true
prompt = { tokens = 20 }
max_tokens = 60
[load]
rate = "20/s"
duration = "30s"
[sim]
answer = "max"
"""


def test_a_share_of_the_users_leaves_after_a_time_and_is_no_error() -> None:
    ran = run_plan(plan_of(SCENARIO, 'classes.chat.patience={share="20%", after="300ms"}'))
    outcomes = Counter(record.outcome for record in ran.records)
    assert set(outcomes) == {Outcome.OK, Outcome.CANCELLED}
    assert outcomes[Outcome.CANCELLED] / len(ran.records) == pytest.approx(0.2, abs=0.05)
    for record in ran.records:
        if record.outcome is Outcome.CANCELLED:
            assert record.end - record.planned == pytest.approx(0.3 * NS, abs=2e6)
            assert record.detail == "the user left after 300 ms"
    part = ran.summary.select()
    assert part.error_rate == 0
    assert part.censored["latency"].count == outcomes[Outcome.CANCELLED]
    assert part.good["latency"].count == outcomes[Outcome.OK]


def test_impatient_users_free_their_place_in_the_target() -> None:
    ran = run_plan(plan_of(SCENARIO, 'classes.chat.patience={after="300ms"}'))
    assert {record.outcome for record in ran.records} == {Outcome.CANCELLED}
    assert {truth.ended for truth in ran.truth} == {"cancelled"}


def test_users_leave_after_so_many_chunks() -> None:
    ran = run_plan(plan_of(SCENARIO, 'classes.chat.patience={share="50%", chunks="3..5"}'))
    left = [record for record in ran.records if record.outcome is Outcome.CANCELLED]
    assert len(left) / len(ran.records) == pytest.approx(0.5, abs=0.08)
    assert {len(record.answer.stamps) for record in left} == {3, 4, 5}


def test_random_patience_has_the_mean_that_was_asked_for() -> None:
    ran = run_plan(plan_of(SCENARIO, 'classes.chat.patience={after="100ms", random=true}', "load.duration=60s"))
    waited = [record.call.leave_after / NS for record in ran.records]
    assert sum(waited) / len(waited) == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("stream", ["true", "false"])
def test_cross_talk_is_found_in_exactly_the_planted_answers(stream: str) -> None:
    plan = plan_of(
        SCENARIO, "classes.chat.integrity=sim", f"classes.chat.stream={stream}",
        'sim.faults=[{kind="cross-talk", rate="10%", after=5}]',
    )  # fmt: skip
    ran = run_plan(plan)
    planted = sum("cross-talk" in truth.faults for truth in ran.truth)
    found = [record for record in ran.records if record.outcome is Outcome.CORRUPT]
    assert len(found) == planted > 20
    assert all(record.detail.startswith("cross-talk: piece ") for record in found)
    assert {record.outcome for record in ran.records} == {Outcome.OK, Outcome.CORRUPT}
    [group] = ran.summary.errors.values()
    assert (group.outcome, group.count) == (Outcome.CORRUPT, planted)


def test_healthy_answers_are_whole_whichever_worker_made_them() -> None:
    ran = run_plan(plan_of(SCENARIO, "classes.chat.integrity=sim"), shards=2)
    assert {record.outcome for record in ran.records} == {Outcome.OK}
    assert len({record.call.nonce for record in ran.records}) == len(ran.records)


def test_a_model_is_told_what_to_write_and_the_simulator_does_not_do_it() -> None:
    ran = run_plan(plan_of(SCENARIO.replace("prompt = { tokens = 20 }", ""), "classes.chat.integrity=instructed"))
    assert {record.outcome for record in ran.records} == {Outcome.CORRUPT}
    assert all(record.call.nonce in record.call.messages[-1].content for record in ran.records)
