"""The dialect "cohere": what its servers send, and requests as they go out."""

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

COHERE = dialect("cohere")
SAMPLES = load_samples(Path(__file__).parent / "samples" / "cohere")


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_it_is_cut(sample: Sample) -> None:
    check(COHERE, sample)


def test_there_are_samples_for_every_api() -> None:
    assert {Api(sample.api) for sample in SAMPLES} == COHERE.apis


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    check_hostile(COHERE, sample, spoiled(sample, data))


def test_events_like_those_before_are_not_parsed() -> None:
    answer = Answer()
    reader = COHERE.reader(SAMPLES[0].call, answer, 200, "text/event-stream")
    data = '{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"%s"}}}}'
    event = f"event: content-delta\ndata: {data}\n\n"
    reader.feed((event % "one").encode(), 1)
    assert reader.template() is not None
    reader.feed((event % "two").encode() * 2, 2)
    assert list(answer.stamps) == [1, 2, 2]


def request(api: Api = Api.CHAT, **fields: Any) -> tuple[str, Any]:
    made = COHERE.request(Call(0, "c", "t", api, "m", **fields))
    return made.path, orjson.loads(made.body)


def test_requests_as_they_go_out() -> None:
    hello = (Message("system", "Be brief."), Message("user", "hi"))
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    assert request(messages=hello, stream=True, max_tokens=9) == (
        "chat",
        {"model": "m", "messages": said, "stream": True, "max_tokens": 9},
    )
    assert request(messages=hello, params={"thinking": {"type": "disabled"}})[1]["thinking"] == {"type": "disabled"}
    assert request(Api.EMBEDDINGS, inputs=("a", "b")) == (
        "embed",
        {"model": "m", "texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"]},
    )
    assert request(Api.RERANK, inputs=("q", "a", "b")) == (
        "rerank",
        {"model": "m", "query": "q", "documents": ["a", "b"]},
    )


def test_pictures_and_tools_go_where_they_are_expected() -> None:
    messages = (
        Message("user", "look", images=(Image("image/png", b"png"),)),
        Message("assistant", "", tool_calls=(ToolCall("1", "f", '{"a":1}'),)),
        Message("tool", "2", tool_call_id="1"),
    )
    body = request(messages=messages, tools=(Tool("f"),))[1]
    assert body["messages"][0]["content"][1] == {
        "type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"},
    }  # fmt: skip
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert body["messages"][2] == {"role": "tool", "content": "2", "tool_call_id": "1"}
    assert body["tools"][0]["function"]["name"] == "f"
