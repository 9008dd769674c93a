"""Conversations in the closed model, and out of a data set, in virtual time."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from virtual_run import plan_of, run_plan

from llmload.clock import NS
from llmload.records import Origin, Outcome, Record

SCENARIO = """
slice_by = ["turn"]
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
stream = true
prompt = { tokens = 20 }
max_tokens = 20
conversation = { turns = 3, think = "2s" }
[load]
users = 4
think = "5s"
duration = "60s"
"""


def sessions(records: list[Record]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.call.turn):
        found[record.call.index].append(record)
    return found


def most_at_once(found: dict[int, list[Record]]) -> int:
    """Sessions between their first planned time and their last end, at most at any moment."""
    edges = [(turns[0].planned, 1) for turns in found.values()] + [(turns[-1].end, -1) for turns in found.values()]
    now = most = 0
    for _, change in sorted(edges):
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize("shards", [1, 3])
def test_each_user_holds_one_session_at_a_time(shards: int) -> None:
    ran = run_plan(plan_of(SCENARIO), shards)
    found = sessions(ran.records)
    whole = [turns for turns in found.values() if len(turns) == 3]
    assert len(whole) >= 4 * 4
    assert most_at_once(found) <= 4
    for turns in found.values():
        assert [record.origin for record in turns] == [Origin.USER, *[Origin.SESSION] * (len(turns) - 1)]
        for before, after in pairwise(turns):
            assert after.planned == before.end + 2 * NS
    assert {record.outcome for record in ran.records} == {Outcome.OK}
    assert ran.summary.planned == len(ran.records)


def test_users_pause_between_sessions_as_the_load_says() -> None:
    ran = run_plan(plan_of(SCENARIO, "load.users=1"))
    for before, after in pairwise(list(sessions(ran.records).values())):
        assert after[0].planned == pytest.approx(before[-1].end + 5 * NS, abs=NS // 100)


def test_a_session_that_goes_wrong_sets_its_user_free() -> None:
    ran = run_plan(plan_of(SCENARIO, 'sim.faults=[{kind="error", rate="40%"}]'))
    found = sessions(ran.records)
    assert len(found) > 20
    for turns in found.values():
        assert all(record.outcome is Outcome.OK for record in turns[:-1])
    assert {len(turns) for turns in found.values()} == {1, 2, 3}


def test_users_who_leave_leave_their_session() -> None:
    plan = plan_of(
        SCENARIO,
        'load.users={type="steps", levels=[6, 1], each="30s"}',
        "classes.chat.conversation.turns=1000",
    )
    ran = run_plan(plan)
    late = {record.call.index for record in ran.records if record.planned > ran.start + 34 * NS}
    assert len(late) == 1


def test_the_last_sessions_go_on_when_no_more_are_to_begin() -> None:
    ran = run_plan(plan_of(SCENARIO, "load.max_requests=5"))
    assert Counter(len(turns) for turns in sessions(ran.records).values()) == {3: 5}


def test_draining_ends_sessions_of_users() -> None:
    def during(engines, loop) -> None:  # type: ignore[no-untyped-def]
        loop.call_later(20, lambda: [engine.drain() for engine in engines])

    ran = run_plan(plan_of(SCENARIO, "load.think=0s"), during=during)
    assert max(record.planned for record in ran.records) <= ran.start + 20 * NS
    assert ran.seconds < 25


def test_calls_that_are_tried_again_keep_their_user() -> None:
    again = (
        "retries.often={attempts=5, on=['http_5xx','http_503','http_429'], first='100ms'}",
        "classes.chat.retry=often",
    )
    ran = run_plan(plan_of(SCENARIO, 'sim.faults=[{kind="error", rate="40%"}]', *again))
    assert max(record.attempt for record in ran.records) > 2
    assert any(record.attempt > 1 and record.call.turn for record in ran.records)
    found = sessions([record for record in ran.records if record.final])
    assert most_at_once(found) <= 4
    assert sum(len(turns) == 3 for turns in found.values()) > 0.6 * len(found)


@pytest.mark.parametrize("load", ['rate="1/s"', "users=3"])
def test_rows_of_a_data_set_are_played(load: str) -> None:
    rows = Path(__file__).parents[2] / "docs" / "data" / "chats.jsonl"
    key, _, value = load.partition("=")
    plan = plan_of(
        SCENARIO.replace("users = 4\n", f"{key} = {value}\n").replace('think = "5s"\n', ""),
        f'classes.chat.prompt={{file="{rows}", format="openai", order="sequential"}}',
        'classes.chat.conversation={think="1s"}',
    )
    found = sessions(run_plan(plan).records)
    assert {len(turns) for index, turns in found.items() if index < 8} == {1, 2}
    second = next(turns for index, turns in found.items() if index % 4 == 1)
    assert second[0].call.messages[-1].content == "Name three rivers."
    assert [message.role for message in second[1].call.messages] == ["user", "assistant", "user"]
    assert second[1].call.messages[1].content == "".join(second[0].answer.text or ())
    assert second[1].call.messages[2].content == "Which of them is the longest?"
