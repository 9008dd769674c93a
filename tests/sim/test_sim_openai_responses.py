"""The official openai SDK judges the Responses API of the simulator, validating every field."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import orjson
import pytest

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem

SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "context_window": 500,
    "keys": {"good": {}, "limited": {"rate": "1/h"}, "broken": {}, "mid": {}, "failed": {}},
    "faults": [
        {"kind": "error", "key": "broken"},
        {"kind": "error-event", "key": "mid", "after": 2, "named": True},
        {"kind": "error-event", "key": "failed", "after": 2},
    ],
}
TOOL = {
    "type": "function",
    "name": "get_time",
    "description": None,
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.url


def _client(url: str, key: str = "good") -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=10, _strict_response_validation=True)


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with _client(url) as client:
        yield client


def test_a_response(client: openai.OpenAI):
    answer = client.responses.create(model="sim-model", input="Hello", max_output_tokens=300)
    assert answer.status == "completed"
    assert integrity_problem(answer.output_text, answer.id.removeprefix("resp_")) == ""
    assert answer.usage.output_tokens == len(answer.output_text.split()) <= 160
    assert answer.usage.input_tokens > 1


def test_a_response_that_is_cut_off(client: openai.OpenAI):
    answer = client.responses.create(model="sim-model", input=[{"role": "user", "content": "Hi"}], max_output_tokens=7)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.usage.output_tokens == 7


@pytest.mark.parametrize("limit", [7, 300])
def test_a_streamed_response(client: openai.OpenAI, limit: int):
    events = list(client.responses.create(model="sim-model", input="Hello", max_output_tokens=limit, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    final = events[-1].response
    assert events[-1].type == ("response.incomplete" if limit == 7 else "response.completed")
    assert final.output_text == text
    assert integrity_problem(text, final.id.removeprefix("resp_")) == ""
    assert final.usage.output_tokens == len(text.split())


def test_the_sdks_own_accumulator_follows_the_stream(client: openai.OpenAI):
    with client.responses.stream(model="sim-model", input="Hello", instructions="Be brief.") as stream:
        final = stream.get_final_response()
    assert 40 <= len(final.output_text.split()) <= 160


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called(client: openai.OpenAI, stream: bool):
    asked = {"model": "sim-model", "input": "Time?", "tools": [TOOL], "tool_choice": "required"}
    if stream:
        events = list(client.responses.create(**asked, stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        answer = events[-1].response
        pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
        assert "".join(pieces) == answer.output[0].arguments
    else:
        answer = client.responses.create(**asked)
    [call] = answer.output
    assert (call.type, call.name) == ("function_call", "get_time")
    assert integrity_problem(orjson.loads(call.arguments)["text"], answer.id.removeprefix("resp_")) == ""


def test_pictures_and_results_of_tools_are_understood(client: openai.OpenAI):
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "What?"}, picture]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "seven"},
    ]
    answer = client.responses.create(model="sim-model", input=items)
    assert answer.output_text
    assert answer.usage.input_tokens > 256


@pytest.mark.parametrize(
    ("settings", "error", "param"),
    [
        ({"model": "none"}, openai.NotFoundError, "model"),
        ({"input": []}, openai.BadRequestError, "input"),
        ({"input": [{"type": "function_call_output"}]}, openai.UnprocessableEntityError, "input"),
        ({"input": 7}, openai.UnprocessableEntityError, "input"),
        ({"input": "x" * 3000}, openai.BadRequestError, "input"),
        ({"max_output_tokens": -1}, openai.BadRequestError, "max_output_tokens"),
        ({"tool_choice": {"type": "function", "name": "no"}}, openai.BadRequestError, "tool_choice"),
    ],
)
def test_mistakes_become_the_sdks_errors(client: openai.OpenAI, settings: dict, error: type, param: str):
    with pytest.raises(error) as caught:
        client.responses.create(**{"model": "sim-model", "input": "Hello", **settings})
    assert caught.value.param == param


def test_a_wrong_key_is_an_authentication_error(url: str):
    with _client(url, "bad") as client, pytest.raises(openai.AuthenticationError):
        client.responses.create(model="sim-model", input="Hello")


def test_a_key_over_its_rate_is_a_rate_limit_error_with_retry_after(url: str):
    with _client(url, "limited") as client:
        client.responses.create(model="sim-model", input="Hello", max_output_tokens=1)
        with pytest.raises(openai.RateLimitError) as caught:
            client.responses.create(model="sim-model", input="Hello", stream=True)
    assert int(caught.value.response.headers["retry-after"]) > 3500


def test_an_error_fault_is_an_internal_server_error(url: str):
    with _client(url, "broken") as client, pytest.raises(openai.InternalServerError):
        client.responses.create(model="sim-model", input="Hello")


@pytest.mark.parametrize(("key", "last"), [("mid", "error"), ("failed", "response.failed")])
def test_an_error_in_a_stream_is_an_event_of_its_own(url: str, key: str, last: str):
    with _client(url, key) as client:
        events = list(client.responses.create(model="sim-model", input="Hello", stream=True))
    assert events[-1].type == last
    assert [event.sequence_number for event in events] == list(range(len(events)))
