"""Conversations through the whole engine, in virtual time."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest
from virtual_run import plan_of, run_plan

from llmload.clock import NS
from llmload.dialects.kept import KeptText
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
rate = "2/s"
duration = "60s"
"""


def sessions(records: list[Record]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.call.turn):
        found[record.call.index].append(record)
    return found


@pytest.mark.parametrize("shards", [1, 3])
def test_turns_are_planned_from_the_answer_before_them(shards: int) -> None:
    ran = run_plan(plan_of(SCENARIO), shards)
    found = sessions(ran.records)
    whole = [turns for turns in found.values() if len(turns) == 3]
    assert len(whole) > 0.85 * len(found)
    for turns in found.values():
        assert turns[0].origin is Origin.SCHEDULE
        for before, after in pairwise(turns):
            assert after.origin is Origin.SESSION
            assert after.planned == before.end + 2 * NS
            assert after.dispatched - after.planned < NS // 1000
    assert ran.summary.planned == len(ran.records)
    assert {record.outcome for record in ran.records} == {Outcome.OK}


def test_no_turn_begins_after_the_load_has_ended_and_the_last_ones_are_waited_for() -> None:
    ran = run_plan(plan_of(SCENARIO, "classes.chat.conversation.turns=50", "load.rate=1/s"))
    assert max(record.planned for record in ran.records) < ran.start + 60 * NS
    assert max(record.planned for record in ran.records) > ran.start + 57 * NS
    assert {record.outcome for record in ran.records} == {Outcome.OK}


def test_the_history_is_what_the_target_said() -> None:
    ran = run_plan(plan_of(SCENARIO))
    for turns in sessions(ran.records).values():
        for before, after in pairwise(turns):
            assert after.call.messages[-2].content == "".join(before.answer.text or ())
            assert after.call.messages[-2].content.count(" ") == 20


def test_results_can_be_cut_by_turn() -> None:
    ran = run_plan(plan_of(SCENARIO))
    by_turn = [ran.summary.select(turn=str(turn)) for turn in (1, 2, 3)]
    assert sum(part.calls for part in by_turn) == len(ran.records)
    inputs = [part.histogram("input_tokens").mean for part in by_turn]
    assert inputs[0] < inputs[1] < inputs[2]


def test_a_session_ends_with_a_call_that_goes_wrong() -> None:
    plan = plan_of(SCENARIO, 'sim.faults=[{kind="error", rate="30%"}]')
    for turns in sessions(run_plan(plan).records).values():
        assert all(record.outcome is Outcome.OK for record in turns[:-1])


def test_draining_ends_sessions_between_two_turns() -> None:
    def during(engines, loop) -> None:  # type: ignore[no-untyped-def]
        loop.call_later(20, lambda: [engine.drain() for engine in engines])

    ran = run_plan(plan_of(SCENARIO), during=during)
    assert max(record.planned for record in ran.records) <= ran.start + 20 * NS
    assert ran.seconds < 25


def test_the_cap_holds_for_later_turns_too() -> None:
    ran = run_plan(plan_of(SCENARIO, "load.max_in_flight=2", "load.rate=8/s"))
    assert max(record.queued for record in ran.records)
    assert any(record.queued and record.call.turn for record in ran.records)


def test_tools_bring_their_results_back() -> None:
    ran = run_plan(plan_of(SCENARIO, "classes.chat.conversation.tools=1"))
    third = [record for record in ran.records if record.call.turn == 1]
    assert third
    assert all(record.call.messages[-1].role == "tool" for record in third)
    assert {record.outcome for record in ran.records} == {Outcome.OK}


def test_an_answer_with_half_a_character_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON may escape half of a surrogate pair, which no request can carry on."""
    monkeypatch.setattr(KeptText, "add", lambda self, piece: self._pieces.append("\ud800"))
    ran = run_plan(plan_of(SCENARIO, "load.duration=20s"))
    later = [record for record in ran.records if record.call.turn]
    assert later
    assert {record.call.messages[-2].content for record in later} <= {"?" * n for n in range(100)}
