"""What a user says next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.records import Api, Call
from llmload.workload.conversation import TOOL, expected_session, steps
from llmload.workload.spec import Conversation, Lengths, PromptSpec, RequestClass
from llmload.workload.workload import Workload, expected_tokens


def fixed(number: int) -> Lengths:
    return Lengths("fixed", low=number)


def workload(talk: Conversation, **fields: object) -> Workload:
    cls = RequestClass(
        "chat", 1.0, Api.CHAT, ("main",), "m", prompt=PromptSpec(tokens=fixed(20), system="Be brief."),
        max_tokens=fixed(30), conversation=talk,
    )  # fmt: skip
    return Workload((replace(cls, **fields),), 1, 2)  # type: ignore[arg-type]


def session(made: Workload, index: int = 0, answer: str = "an answer") -> list[tuple[Call, float]]:
    found = [(made.call(index), 0.0)]
    while following := made.follow(found[-1][0], answer):
        found.append(following)
    return found


def roles(call: Call) -> list[str]:
    return [message.role for message in call.messages]


def test_the_history_grows_by_an_answer_and_a_question_a_turn() -> None:
    calls = [call for call, _ in session(workload(Conversation(fixed(3), think=2.0)))]
    assert [roles(call) for call in calls] == [
        ["system", "user"],
        ["system", "user", "assistant", "user"],
        ["system", "user", "assistant", "user", "assistant", "user"],
    ]
    assert [call.turn for call in calls] == [0, 1, 2]
    assert [dict(call.tags)["turn"] for call in calls] == ["1", "2", "3"]
    assert len({call.session for call in calls}) == 1
    assert {call.headers["x-session-id"] for call in calls} == {calls[0].session}
    assert calls[1].messages[:2] == calls[0].messages
    assert calls[1].messages[2].content == "an answer"
    assert calls[0].input_tokens < calls[1].input_tokens < calls[2].input_tokens


def test_users_think_as_long_as_they_are_told_to() -> None:
    assert [pause for _, pause in session(workload(Conversation(fixed(3), think=2.0)))] == [0.0, 2.0, 2.0]
    drawn = workload(Conversation(fixed(2), think=2.0, think_random=True))
    pauses = [session(drawn, index)[1][1] for index in range(2000)]
    assert sum(pauses) / len(pauses) == pytest.approx(2.0, rel=0.1)


@given(st.integers(0, 10**6))
def test_a_session_depends_on_seeds_and_arrival_alone(index: int) -> None:
    talk = Conversation(Lengths("uniform", low=1, high=6), tools=Lengths("uniform", low=0, high=2), history="scripted")
    once, again = session(workload(talk), index), session(workload(talk), index, "another answer")
    assert once == again
    assert 1 <= len({dict(call.tags)["turn"] for call, _ in once}) <= 6


def test_sessions_differ_from_each_other() -> None:
    made = workload(Conversation(fixed(2)))
    assert len({made.call(index).session for index in range(1000)}) == 1000
    assert len({session(made, index)[1][0].messages[-1].content for index in range(100)}) == 100


def test_tools_are_calls_of_their_own_within_a_turn() -> None:
    talk = Conversation(fixed(2), think=9.0, tools=fixed(2), tool_time=0.5, tool_result=fixed(40))
    found = session(workload(talk))
    assert steps(talk, 1, 1) == (False, True, True, False, True, True)
    assert [pause for _, pause in found] == [0.0, 0.5, 0.5, 9.0, 0.5, 0.5]
    assert [dict(call.tags)["turn"] for call, _ in found] == ["1", "1", "1", "2", "2", "2"]
    with_result = found[1][0]
    assert roles(with_result) == ["system", "user", "assistant", "tool"]
    used = with_result.messages[2].tool_calls[0]
    assert with_result.messages[3].tool_call_id == used.id
    assert used.name == TOOL[0].name
    assert all(call.tools == TOOL for call, _ in found)


def test_the_oldest_turns_are_left_out_where_the_history_is_too_long() -> None:
    calls = [call for call, _ in session(workload(Conversation(fixed(12), context=120)))]
    assert all(call.input_tokens <= 120 for call in calls)
    assert all(roles(call)[:2] == ["system", "user"] for call in calls)
    assert roles(calls[-1])[-1] == "user"
    short = [call for call, _ in session(workload(Conversation(fixed(3), context=1)))]
    assert [roles(call) for call in short] == [["system", "user"]] * 3


def test_each_turn_has_a_nonce_of_its_own() -> None:
    calls = [call for call, _ in session(workload(Conversation(fixed(4)), integrity="sim"))]
    assert len({call.nonce for call in calls}) == 4
    assert all(call.headers["x-request-id"] == call.nonce for call in calls)


@pytest.mark.parametrize("context", [0, 150])
@pytest.mark.parametrize("uses", [None, 1])
def test_a_plan_counts_on_the_tokens_of_every_turn(context: int, uses: int | None) -> None:
    talk = Conversation(
        fixed(5),
        history="scripted",
        context=context,
        tools=None if uses is None else fixed(uses),
        tool_result=fixed(40),
    )
    made = workload(talk)
    sessions = [session(made, index) for index in range(50)]
    sent = sum(call.input_tokens for calls in sessions for call, _ in calls) / len(sessions)
    read, written = expected_tokens(made.classes[0])
    assert written == 30 * len(sessions[0])
    # Whole turns are left out at the bound of the context, so that less is sent there.
    assert sent * 0.9 < read < sent * (1.1 if not context else 2.0)


def test_a_session_that_never_fits_is_counted_on_nevertheless() -> None:
    sent, written = expected_session(Conversation(fixed(4), context=10), 50, 20, 0)
    assert (sent, written) == (4 * 70, 0)
    assert expected_session(Conversation(fixed(1)), 50, 20, 30) == (70, 30)
