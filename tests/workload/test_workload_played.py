"""Rows of a data set as conversations, turn by turn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llmload.data.dataset import open_data
from llmload.dialects.integrity import problem
from llmload.records import Answer, Api, Call, Message
from llmload.workload.spec import Conversation, Lengths, PromptSpec, RequestClass
from llmload.workload.workload import Workload, expected_tokens

THREE = [
    ("system", "Be kind."), ("user", "one"), ("assistant", "first answer"), ("user", "two"),
    ("assistant", "second answer"), ("user", "three"), ("assistant", "third"),
]  # fmt: skip
USED = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TOOLS = [
    {"role": "user", "content": "what is it"},
    {"role": "assistant", "content": None, "tool_calls": [USED]},
    {"role": "tool", "tool_call_id": "c1", "content": "a result"},
    {"role": "assistant", "content": "it is that"},
    {"role": "user", "content": "thanks"},
]


def row(said: list[tuple[str, str]]) -> str:
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in said]})


def workload(directory: Path, lines: list[str], talk: Conversation, system: str = "", **fields: object) -> Workload:
    path = directory / "rows.jsonl"
    path.write_text("\n".join(lines))
    spec = PromptSpec(kind="data", data=open_data(path, "openai", order="sequential"), system=system)
    cls = RequestClass("chat", 1.0, Api.CHAT, ("main",), "m", prompt=spec, conversation=talk)
    return Workload((replace(cls, **fields),), 1, 2)  # type: ignore[arg-type]


def session(made: Workload, index: int = 0, answer: str = "real") -> list[tuple[Call, float]]:
    found = [(made.call(index), 0.0)]
    while following := made.follow(found[-1][0], answer):
        found.append(following)
    return found


def texts(call: Call) -> list[str]:
    return [message.content for message in call.messages]


def test_each_turn_of_the_user_goes_out_with_the_answers_of_the_target(tmp_path: Path) -> None:
    found = session(workload(tmp_path, [row(THREE)], Conversation(think=3.0)))
    assert [texts(call) for call, _ in found] == [
        ["Be kind.", "one"],
        ["Be kind.", "one", "real", "two"],
        ["Be kind.", "one", "real", "two", "real", "three"],
    ]
    assert [pause for _, pause in found] == [0.0, 3.0, 3.0]
    assert [dict(call.tags)["turn"] for call, _ in found] == ["1", "2", "3"]
    assert found[2][0].input_tokens > found[1][0].input_tokens > found[0][0].input_tokens


def test_scripted_history_is_what_the_file_has(tmp_path: Path) -> None:
    last = session(workload(tmp_path, [row(THREE)], Conversation(history="scripted")))[-1][0]
    assert last.messages == tuple(Message(role, text) for role, text in THREE[:-1])


def test_turns_bound_those_of_the_row(tmp_path: Path) -> None:
    lines = [row(THREE), row(THREE[:2]), row(THREE[:4])]
    made = workload(tmp_path, lines, Conversation(Lengths("fixed", low=2)))
    assert [len(session(made, index)) for index in range(3)] == [2, 1, 2]
    assert [len(session(workload(tmp_path, lines, Conversation()), index)) for index in range(3)] == [3, 1, 2]


def test_the_system_message_of_the_class_is_for_rows_without_one(tmp_path: Path) -> None:
    made = workload(tmp_path, [row(THREE), row(THREE[1:4])], Conversation(), system="Ours.")
    assert [texts(session(made, index)[-1][0])[0] for index in range(2)] == ["Be kind.", "Ours."]


@pytest.mark.parametrize("history", ["real", "scripted"])
def test_results_of_tools_are_sent_as_recorded(tmp_path: Path, history: str) -> None:
    talk = Conversation(think=9.0, tool_time=0.5, history=history)  # type: ignore[arg-type]
    found = session(workload(tmp_path, [json.dumps({"messages": TOOLS})], talk))
    assert [pause for _, pause in found] == [0.0, 0.5, 9.0]
    assert [dict(call.tags)["turn"] for call, _ in found] == ["1", "1", "2"]
    messages = found[-1][0].messages
    assert [message.role for message in messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert messages[1].tool_calls[0].id == messages[2].tool_call_id == "c1"
    assert messages[3].content == ("real" if history == "real" else "it is that")


def test_fields_and_limit_of_a_batch_row_hold_for_all_turns(tmp_path: Path) -> None:
    body = {**json.loads(row(THREE)), "max_tokens": 9, "temperature": 0.5}
    calls = [call for call, _ in session(workload(tmp_path, [json.dumps({"body": body})], Conversation()))]
    assert [call.max_tokens for call in calls] == [9, 9, 9]
    assert all(call.params == {"temperature": 0.5} for call in calls)


@pytest.mark.parametrize(("history", "limit"), [("real", 40), ("scripted", 40), ("scripted", None)])
def test_a_plan_counts_on_every_turn_of_the_rows(tmp_path: Path, history: str, limit: int | None) -> None:
    most = None if limit is None else Lengths("fixed", low=limit)
    talk = Conversation(history=history)  # type: ignore[arg-type]
    made = workload(tmp_path, [row(THREE), row(THREE[:4])], talk, max_tokens=most)
    said = " ".join(["word"] * (limit or 1))
    sessions = [session(made, index, said) for index in range(2)]
    sent = sum(call.input_tokens for calls in sessions for call, _ in calls) / 2
    read, written = expected_tokens(made.classes[0])
    assert read == pytest.approx(sent, rel=0.02)
    assert written == 100 if limit else 0 < written < 250


def test_an_echo_is_of_what_was_said_last_whatever_the_history(tmp_path: Path) -> None:
    made = workload(tmp_path, [row(THREE), json.dumps({"messages": TOOLS})], Conversation(), integrity="echo")
    call: Call | None = made.call(0)
    said = []
    while call is not None:
        answer = Answer(keep_text=True)
        answer.text.append(call.messages[-1].content)  # type: ignore[union-attr]
        said.append(call.messages[-1].content)
        assert not problem(call, answer)
        answer.text.append(" more")  # type: ignore[union-attr]
        assert problem(call, answer)
        following = made.follow(call, call.messages[-1].content)
        call = following[0] if following else None
    assert said == ["one", "two", "three"]
    assert [each.integrity for each, _ in session(made, 1)] == ["echo", "", "echo"]
