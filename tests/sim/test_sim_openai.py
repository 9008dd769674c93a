"""The official openai SDK judges the simulator's wire format, validating every field."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import orjson
import pytest

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem

MESSAGES = [{"role": "user", "content": "Hello"}]
SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "models": ["sim-model", "other/model"],
    "dimensions": 32,
    "context_window": 500,
    "keys": {"good": {}, "limited": {"rate": "1/h"}, "broken": {}, "mid": {}},
    "faults": [{"kind": "error", "key": "broken"}, {"kind": "error-event", "key": "mid", "after": 2}],
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.url


def _client(url: str, key: str = "good", strict: bool = True) -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=10, _strict_response_validation=strict)


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with _client(url) as client:
        yield client


def test_a_chat(client: openai.OpenAI):
    answer = client.chat.completions.create(model="sim-model", messages=MESSAGES, max_tokens=7)
    assert answer.choices[0].finish_reason == "length"
    assert integrity_problem(answer.choices[0].message.content, answer.id.removeprefix("chatcmpl-")) == ""
    assert answer.usage.completion_tokens == 7
    assert answer._request_id


def test_a_streamed_chat_with_usage(client: openai.OpenAI):
    chunks = list(
        client.chat.completions.create(
            model="sim-model", messages=MESSAGES, max_tokens=7, n=2, stream=True, stream_options={"include_usage": True}
        )
    )
    for choice in range(2):
        mine = [piece for chunk in chunks for piece in chunk.choices if piece.index == choice]
        text = "".join(piece.delta.content or "" for piece in mine)
        assert integrity_problem(text, chunks[0].id.removeprefix("chatcmpl-"), choice) == ""
        assert [piece.finish_reason for piece in mine if piece.finish_reason] == ["length"]
    assert chunks[-1].usage.completion_tokens == 14


def test_the_sdks_own_accumulator_follows_the_stream(client: openai.OpenAI):
    with client.chat.completions.stream(model="sim-model", messages=MESSAGES, max_completion_tokens=200) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "stop"
    assert 40 <= len(final.choices[0].message.content.split()) <= 160


def test_completions(client: openai.OpenAI):
    answer = client.completions.create(model="sim-model", prompt=["One", "Two"], max_tokens=3)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.usage.completion_tokens == 6


def test_streamed_completions(url: str):
    """Not strict: the SDK wants a finish reason in every chunk, where OpenAI itself sends null."""
    with _client(url, strict=False) as lenient:
        chunks = list(lenient.completions.create(model="sim-model", prompt="One", max_tokens=3, stream=True))
    assert len("".join(chunk.choices[0].text for chunk in chunks).split()) == 3
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None, "length"]


def test_embeddings_in_floats_and_in_the_base64_the_sdk_asks_for_by_default(client: openai.OpenAI, url: str):
    floats = client.embeddings.create(model="sim-model", input=["a", "b"], encoding_format="float")
    with _client(url, strict=False) as lenient:  # strict, the SDK refuses base64 before it decodes it
        default = lenient.embeddings.create(model="sim-model", input=["a", "b"])
    assert len(default.data[0].embedding) == 32
    assert default.data[1].embedding == pytest.approx(floats.data[1].embedding)
    assert default.usage.prompt_tokens == 2


def test_models(client: openai.OpenAI):
    assert [model.id for model in client.models.list()] == ["sim-model", "other/model"]
    assert client.models.retrieve("other/model").owned_by == "llmload"


@pytest.mark.parametrize(
    ("settings", "error", "code"),
    [
        ({"model": "none"}, openai.NotFoundError, "model_not_found"),
        ({"messages": []}, openai.BadRequestError, None),
        ({"messages": "hi"}, openai.UnprocessableEntityError, None),
        ({"messages": [{"role": "user", "content": "x" * 3000}]}, openai.BadRequestError, "context_length_exceeded"),
        ({"max_tokens": -1}, openai.BadRequestError, None),
    ],
)
def test_mistakes_become_the_sdks_errors(client: openai.OpenAI, settings: dict, error: type, code: str | None):
    with pytest.raises(error) as caught:
        client.chat.completions.create(**{"model": "sim-model", "messages": MESSAGES, **settings})
    assert caught.value.code == code
    assert caught.value.request_id


def test_a_wrong_key_is_an_authentication_error(url: str):
    with _client(url, "bad") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_a_key_over_its_rate_is_a_rate_limit_error_with_retry_after(url: str):
    with _client(url, "limited") as client:
        client.models.list()
        with pytest.raises(openai.RateLimitError) as caught:
            client.models.list()
    assert 3500 < int(caught.value.response.headers["retry-after"]) <= 3600


def test_an_error_fault_is_an_internal_server_error(url: str):
    with _client(url, "broken") as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="sim-model", messages=MESSAGES)


def test_an_error_in_a_stream_is_an_api_error(url: str):
    with _client(url, "mid") as client:
        stream = client.chat.completions.create(model="sim-model", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="failed while generating"):
            list(stream)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_time"}}])
def test_a_tool_that_must_be_called_is_called(client: openai.OpenAI, choice: str | dict):
    tools = [{"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}]
    asked = {"model": "sim-model", "messages": MESSAGES, "tools": tools, "tool_choice": choice}
    answer = client.chat.completions.create(**asked)
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, answer.choices[0].finish_reason) == ("get_time", "tool_calls")
    said = orjson.loads(call.function.arguments)["text"]
    assert integrity_problem(said, answer.id.removeprefix("chatcmpl-")) == ""

    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion()
    [streamed] = final.choices[0].message.tool_calls
    assert (
        integrity_problem(orjson.loads(streamed.function.arguments)["text"], final.id.removeprefix("chatcmpl-")) == ""
    )


def test_pictures_count_and_results_of_tools_are_read(client: openai.OpenAI):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "What?"}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "seven"},
    ]
    answer = client.chat.completions.create(model="sim-model", messages=messages, max_tokens=3)
    assert answer.usage.prompt_tokens > 256
