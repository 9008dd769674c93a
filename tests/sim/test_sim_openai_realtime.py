"""The simulator's Realtime API, judged by the official SDK: each event is held to its type, every field of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.resources.realtime.realtime import RealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosed

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem

pytestmark = pytest.mark.filterwarnings("ignore:connect.* must be used as a context manager:DeprecationWarning")
"""The SDK's own use of ``websockets``."""

SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "context_window": 2000,
    "prompt_cache": 10_000,
    "keys": {
        "good": {},
        "limited": {"rate": "1/h"},
        **{name: {} for name in ("broken", "mid", "failed", "cut", "ended", "reset", "empty", "garbled", "swapped")},
    },
    "faults": [
        {"kind": "error", "key": "broken"},
        {"kind": "error-event", "key": "mid", "after": 2, "named": True},
        {"kind": "error-event", "key": "failed", "after": 2},
        {"kind": "drop", "key": "cut", "after": 2},
        {"kind": "truncate", "key": "ended", "after": 2},
        {"kind": "reset", "key": "reset", "at": "tokens", "after": 2},
        {"kind": "empty", "key": "empty"},
        {"kind": "malformed", "key": "garbled", "after": 2},
        {"kind": "cross-talk", "key": "swapped", "after": 2},
    ],
}
EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
TOOL = {"type": "function", "name": "get_time", "description": "", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.url


@pytest.fixture
def connect(url: str) -> Iterator[Any]:
    opened: list[Any] = []

    def open_one(key: str = "good", model: str | None = "sim-model", beta: bool = False) -> RealtimeConnection:
        client = openai.OpenAI(api_key=key, websocket_base_url=url.replace("http", "ws"), max_retries=0)
        headers = {"OpenAI-Beta": "realtime=v1"} if beta else {}
        manager = client.realtime.connect(**{"model": model} if model else {}, extra_headers=headers)
        opened.append(manager)
        return manager.enter()

    yield open_one
    for manager in opened:
        manager.__exit__(None, None, None)


def heard(connection: RealtimeConnection) -> Any:
    return EVENT.validate_json(connection.recv_bytes())


def until(connection: RealtimeConnection, *kinds: str) -> list[Any]:
    """The events up to the first of one of these kinds."""
    events = []
    while not events or events[-1].type not in kinds:
        events.append(heard(connection))
    return events


def ask(connection: RealtimeConnection, text: str = "Hello", **response: Any) -> list[Any]:
    """Say it, and have it answered; what is heard until the response is over."""
    content = [{"type": "input_text", "text": text}]
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    connection.response.create(**{"response": response} if response else {})
    return until(connection, "response.done", "error")


def text_of(events: list[Any]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def test_a_session_begins_and_takes_settings(connect: Any):
    connection = connect()
    begun = heard(connection)
    assert (begun.type, begun.session.model, begun.session.output_modalities) == (
        "session.created",
        "sim-model",
        ["text"],
    )
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "instructions": "Be brief."})
    updated = heard(connection)
    assert (updated.type, updated.session.instructions) == ("session.updated", "Be brief.")
    assert updated.event_id != begun.event_id


def test_a_streamed_answer_with_its_usage(connect: Any):
    events = ask(connect(), max_output_tokens=300)
    kinds = [event.type for event in events]
    assert kinds[:7] == [
        "session.created",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
    ]
    assert len({event.event_id for event in events}) == len(events)
    final = events[-1].response
    said = text_of(events)
    assert (final.status, final.output[0].content[0].text) == ("completed", said)
    assert integrity_problem(said, final.id.removeprefix("resp_")) == ""
    assert final.usage.output_tokens == len(said.split()) <= 160
    assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens
    done = next(event for event in events if event.type == "response.output_text.done")
    assert done.text == said


def test_an_answer_that_is_cut_off(connect: Any):
    connection = connect()
    connection.session.update(session={"type": "realtime", "max_output_tokens": 7})
    final = ask(connection)[-1].response
    assert (final.status, final.status_details.reason, final.usage.output_tokens) == (
        "incomplete",
        "max_output_tokens",
        7,
    )


def test_a_conversation_grows_and_a_response_apart_leaves_it_alone(connect: Any):
    connection = connect()
    first = ask(connection, "Hello " * 200, max_output_tokens=20)[-1].response.usage
    second = ask(connection, max_output_tokens=20)[-1].response.usage
    assert second.input_tokens > first.input_tokens + 20
    assert second.input_token_details.cached_tokens > 0
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    for _ in range(2):
        connection.response.create(response={"conversation": "none", "input": [item], "max_output_tokens": 5})
        events = until(connection, "response.done")
        assert "conversation.item.added" not in {event.type for event in events}
        assert events[-1].response.usage.input_tokens <= first.input_tokens


def test_a_tool_is_called_and_its_result_understood(connect: Any):
    connection = connect()
    events = ask(connection, tools=[TOOL], tool_choice="required")
    call = events[-1].response.output[0]
    pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert (call.type, call.name, call.arguments) == ("function_call", "get_time", "".join(pieces))
    connection.conversation.item.create(
        item={"type": "function_call_output", "call_id": call.call_id, "output": "12:00"}
    )
    assert ask(connection)[-1].response.status == "completed"


def test_a_response_is_cancelled(connect: Any):
    connection = connect()
    connection.response.create()
    until(connection, "response.output_text.delta")
    connection.response.create()
    assert until(connection, "error")[-1].error.code == "conversation_already_has_active_response"
    connection.response.cancel()
    final = until(connection, "response.done")[-1].response
    assert (final.status, final.status_details.reason) == ("cancelled", "client_cancelled")
    connection.response.cancel()
    assert heard(connection).error.code == "response_cancel_not_active"
    assert ask(connection)[-1].response.status == "completed"


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"type": "nonsense"}, "type"),
        ({"type": "session.update"}, "session"),
        ({"type": "session.update", "session": {"output_modalities": ["audio"]}}, "session.output_modalities"),
        ({"type": "conversation.item.create", "item": {}}, "item"),
        ({"type": "response.create", "response": {"output_modalities": ["audio"]}}, "response.output_modalities"),
        ({"type": "response.create", "response": {"max_output_tokens": -1}}, "max_output_tokens"),
        ({"type": "response.create", "response": {"input": ["?"]}}, "input"),
        ({"type": "response.create", "response": {"instructions": "x" * 9000}}, "input"),
    ],
)
def test_a_mistake_is_an_error_event_that_names_it_and_the_session_goes_on(connect: Any, said: Any, param: str):
    connection = connect()
    connection.send({**said, "event_id": "mine"})
    error = until(connection, "error")[-1].error
    assert (error.type, error.param, error.event_id) == ("invalid_request_error", param, "mine")
    assert ask(connection)[-1].response.status == "completed"


def test_what_is_no_json_is_an_error_event(connect: Any):
    connection = connect()
    connection.send_raw("{")
    assert until(connection, "error")[-1].error.code == "invalid_json"


@pytest.mark.parametrize(
    ("key", "model", "code", "why"),
    [
        ("bad", "sim-model", 3000, "invalid_api_key"),
        ("good", None, 4000, "missing_model"),
        ("good", "none", 4000, "model_not_found"),
    ],
)
def test_who_may_not_come_in_hears_why_before_the_socket_closes(
    connect: Any, key: str, model: Any, code: int, why: str
):
    connection = connect(key, model)
    assert heard(connection).error.code == why
    with pytest.raises(ConnectionClosed) as caught:
        heard(connection)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (code, f"invalid_request_error.{why}")


def test_a_key_over_its_rate_has_its_response_failed(connect: Any):
    connection = connect("limited")
    limits = next(event for event in ask(connection) if event.type == "rate_limits.updated").rate_limits
    assert (limits[0].name, limits[0].limit, limits[0].remaining) == ("requests", 1, 0)
    assert limits[0].reset_seconds > 3500
    details = ask(connection)[-1].response.status_details
    assert (details.type, details.error.code) == ("failed", "rate_limit_exceeded")


@pytest.mark.parametrize(("key", "last"), [("broken", "error"), ("mid", "error"), ("failed", "response.done")])
def test_an_error_of_the_servers_is_an_event(connect: Any, key: str, last: str):
    connection = connect(key)
    events = ask(connection)
    assert events[-1].type == last
    error = events[-1].error if last == "error" else events[-1].response.status_details.error
    assert error.type == "server_error"
    assert len(text_of(events).split()) == (0 if key == "broken" else 2)


@pytest.mark.parametrize(("key", "code"), [("cut", None), ("ended", 1000), ("reset", None), ("empty", 1000)])
def test_a_fault_that_ends_an_answer_ends_the_socket(connect: Any, key: str, code: int | None):
    connection = connect(key)
    with pytest.raises(ConnectionClosed) as caught:
        ask(connection)
    assert (caught.value.rcvd.code if caught.value.rcvd else None) == code


def test_a_message_that_is_broken_and_words_of_another(connect: Any):
    connection = connect("garbled")
    with pytest.raises(ValueError, match="JSON"):
        ask(connection)
    connection = connect("swapped")
    events = ask(connection)
    assert integrity_problem(text_of(events), events[-1].response.id.removeprefix("resp_")) != ""


def test_a_client_of_the_beta_is_spoken_to_as_it_was_then(connect: Any):
    connection = connect(beta=True)
    connection.send({"type": "session.update", "session": {"modalities": ["text"], "max_response_output_tokens": 3}})
    connection.response.create()
    events = [json.loads(connection.recv_bytes())]
    while events[-1]["type"] != "response.done":
        events.append(json.loads(connection.recv_bytes()))
    assert {event["type"] for event in events} == {
        "session.created",
        "session.updated",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.created",
        "response.done",
    }
    assert events[1]["session"]["modalities"] == ["text"]
    assert events[-1]["response"]["output"][0]["content"][0]["type"] == "text"
    assert events[-1]["response"]["usage"]["output_tokens"] == 3


def test_a_plain_request_is_told_to_upgrade(url: str):
    client = openai.OpenAI(base_url=url, api_key="good", max_retries=0)
    with client, pytest.raises(openai.APIStatusError) as caught:
        client.get("/realtime", cast_to=object)
    assert caught.value.status_code == 426
