"""The dialect "openai-responses": what servers send, and requests as they go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from dialect_kit import Sample, check, check_hostile, load_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from spoiled import spoiled

from llmload.dialects import dialect
from llmload.records import Api, Call, Image, Message, Tool, ToolCall

RESPONSES = dialect("openai-responses")
SAMPLES = load_samples(Path(__file__).parent / "samples" / "openai-responses")


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_it_is_cut(sample: Sample) -> None:
    check(RESPONSES, sample)


def test_there_are_samples_for_every_api() -> None:
    assert {Api(sample.api) for sample in SAMPLES} == RESPONSES.apis


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    check_hostile(RESPONSES, sample, spoiled(sample, data))


def body(*messages: Message, **fields: Any) -> Any:
    return orjson.loads(RESPONSES.request(Call(0, "c", "t", Api.CHAT, "m", messages=messages, **fields)).body)


def test_a_request_is_a_list_of_items() -> None:
    call = Call(0, "c", "t", Api.CHAT, "m", messages=(Message("system", "be brief"), Message("user", "žluť?")),
                max_tokens=5, stream=True, params={"store": False})  # fmt: skip
    made = RESPONSES.request(call)
    assert (made.method, made.path) == ("POST", "responses")
    assert dict(made.headers) == {"content-type": "application/json", "accept": "text/event-stream"}
    assert orjson.loads(made.body) == {
        "model": "m",
        "input": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "žluť?"}],
        "stream": True,
        "max_output_tokens": 5,
        "store": False,
    }


def test_pictures_stand_beside_the_text() -> None:
    picture = Image("image/png", b"\x89PNG")
    assert body(Message("user", "What is it?", images=(picture,)))["input"][0]["content"] == [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "auto"},
    ]
    assert len(body(Message("user", "", images=(picture,)))["input"][0]["content"]) == 1


def test_calls_of_tools_and_their_results_are_items_of_their_own() -> None:
    calls = (ToolCall("call_1", "get_time", "{}"),)
    made = body(Message("user", "Time?"), Message("assistant", "", tool_calls=calls),
                Message("tool", "12:00", tool_call_id="call_1"), Message("assistant", "Noon.", tool_calls=calls),
                tools=(Tool("get_time", "The time", {"type": "object"}), Tool("nothing")))  # fmt: skip
    called = {"type": "function_call", "call_id": "call_1", "name": "get_time", "arguments": "{}"}
    assert made["input"][1:] == [
        called,
        {"type": "function_call_output", "call_id": "call_1", "output": "12:00"},
        {"role": "assistant", "content": "Noon."},
        called,
    ]
    assert made["tools"] == [
        {"type": "function", "name": "get_time", "description": "The time", "parameters": {"type": "object"},
         "strict": False},
        {"type": "function", "name": "nothing", "parameters": {"type": "object", "properties": {}}, "strict": False},
    ]  # fmt: skip


def test_models_are_asked_for_as_ever() -> None:
    made = RESPONSES.request(Call(0, "c", "t", Api.MODELS, "m"))
    assert (made.method, made.path, made.body) == ("GET", "models", b"")
