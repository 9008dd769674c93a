"""The dialect "ollama": what its servers send, and requests as they go out."""

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
from llmload.records import Answer, Api, Call, Image, Message, Tool, ToolCall

OLLAMA = dialect("ollama")
SAMPLES = load_samples(Path(__file__).parent / "samples" / "ollama")


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_it_is_cut(sample: Sample) -> None:
    check(OLLAMA, sample)


def test_there_are_samples_for_every_api() -> None:
    assert {Api(sample.api) for sample in SAMPLES} == OLLAMA.apis


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    check_hostile(OLLAMA, sample, spoiled(sample, data))


def test_the_server_says_how_long_it_took() -> None:
    answer = Answer()
    reader = OLLAMA.reader(SAMPLES[0].call, answer, 200, "application/x-ndjson")
    reader.feed(b'{"done":true,"total_duration":5000000}\n', 1)
    assert answer.server_time == 5_000_000


def request(api: Api = Api.CHAT, **fields: Any) -> tuple[str, Any]:
    made = OLLAMA.request(Call(0, "c", "t", api, "m", **fields))
    return made.path, orjson.loads(made.body) if made.body else None


def test_requests_as_they_go_out() -> None:
    hello = (Message("user", "hi"),)
    assert request(messages=hello, stream=True, max_tokens=9) == (
        "chat",
        {
            "model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True,
            "options": {"num_predict": 9},
        },
    )  # fmt: skip
    assert request(messages=hello)[1]["stream"] is False
    assert request(Api.COMPLETIONS, inputs=("a",)) == ("generate", {"model": "m", "prompt": "a", "stream": False})
    assert request(Api.EMBEDDINGS, inputs=("a", "b")) == ("embed", {"model": "m", "input": ["a", "b"]})
    assert request(Api.MODELS) == ("tags", None)


def test_pictures_and_tools_go_where_they_are_expected() -> None:
    messages = (
        Message("user", "look", images=(Image("image/png", b"png"),)),
        Message("assistant", "", tool_calls=(ToolCall("1", "f", '{"a":1}'),)),
        Message("tool", "2", tool_call_id="1"),
    )
    body = request(messages=messages, tools=(Tool("f"),))[1]
    assert body["messages"][0]["images"] == ["cG5n"]
    assert body["messages"][1]["tool_calls"] == [{"function": {"name": "f", "arguments": {"a": 1}}}]
    assert body["messages"][2] == {"role": "tool", "content": "2"}
    assert body["tools"][0]["function"]["name"] == "f"


def test_arguments_that_are_no_json_go_out_as_the_text_they_are() -> None:
    said = Message("assistant", "", tool_calls=(ToolCall("1", "f", '{"a":'),))
    assert request(messages=(said,))[1]["messages"][0]["tool_calls"][0]["function"]["arguments"] == {"text": '{"a":'}
