"""Requests as they go out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from llmload.dialects import dialect
from llmload.records import Api, Call, Image, Message, Tool, ToolCall, WireRequest


def request(api: Api, **fields: Any) -> WireRequest:
    return dialect("openai").request(Call(0, "c", "t", api, "m", **fields))


def body(api: Api, **fields: Any) -> Any:
    return orjson.loads(request(api, **fields).body)


MESSAGES = (Message("system", "be brief"), Message("user", "žluť?"))


def test_a_chat_request() -> None:
    made = request(Api.CHAT, messages=MESSAGES, max_tokens=5)
    assert (made.method, made.path) == ("POST", "chat/completions")
    assert dict(made.headers) == {"content-type": "application/json", "accept": "application/json"}
    assert orjson.loads(made.body) == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "žluť?"}],
        "max_tokens": 5,
    }


def test_a_stream_asks_for_usage() -> None:
    made = request(Api.CHAT, messages=MESSAGES[1:], stream=True)
    assert dict(made.headers)["accept"] == "text/event-stream"
    assert orjson.loads(made.body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "žluť?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_completions_request() -> None:
    assert request(Api.COMPLETIONS, inputs=("once",)).path == "completions"
    assert body(Api.COMPLETIONS, inputs=("once",), stream=True, max_tokens=2) == {
        "model": "m", "prompt": "once", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("inputs", "sent"), [(("a",), "a"), (("a", "b"), ["a", "b"])])
def test_an_embeddings_request(inputs: tuple[str, ...], sent: object) -> None:
    assert request(Api.EMBEDDINGS, inputs=inputs).path == "embeddings"
    assert body(Api.EMBEDDINGS, inputs=inputs) == {"model": "m", "input": sent, "encoding_format": "float"}


def test_embeddings_are_never_streamed() -> None:
    made = request(Api.EMBEDDINGS, inputs=("a",), stream=True)
    assert dict(made.headers)["accept"] == "application/json"
    assert "stream" not in orjson.loads(made.body)


def test_a_models_request_has_no_body() -> None:
    made = request(Api.MODELS, stream=True, params={"x": 1})
    assert made == WireRequest("GET", "models", (("accept", "application/json"),), b"")


def test_params_are_merged_last_and_null_takes_a_field_out() -> None:
    made = body(
        Api.CHAT,
        messages=MESSAGES,
        stream=True,
        max_tokens=5,
        params={"temperature": 0, "model": "other", "stream_options": None, "max_tokens": None, "stop": ["x"]},
    )
    assert made.keys() == {"model", "messages", "stream", "temperature", "stop"}
    assert made["model"] == "other"
    assert body(Api.EMBEDDINGS, inputs=("a",), params={"encoding_format": "base64"})["encoding_format"] == "base64"


def test_max_completion_tokens_takes_the_place_of_max_tokens() -> None:
    made = body(Api.CHAT, messages=MESSAGES, max_tokens=5, params={"max_completion_tokens": 7})
    assert made["max_completion_tokens"] == 7
    assert "max_tokens" not in made
    assert body(Api.CHAT, messages=MESSAGES, max_tokens=5, params={"max_completion_tokens": None})["max_tokens"] == 5


def test_headers_of_the_call_are_added_and_win_whatever_their_case() -> None:
    made = request(Api.CHAT, messages=MESSAGES, headers={"Accept": "*/*", "x-team": "a"})
    assert made.headers == (("content-type", "application/json"), ("Accept", "*/*"), ("x-team", "a"))


def test_a_rerank_request_is_a_query_and_documents() -> None:
    made = request(Api.RERANK, inputs=("what?", "this", "that"), stream=True)
    assert (made.path, dict(made.headers)["accept"]) == ("rerank", "application/json")
    assert orjson.loads(made.body) == {"model": "m", "query": "what?", "documents": ["this", "that"]}


def test_pictures_go_beside_the_text_as_data_urls() -> None:
    picture = Image("image/png", b"\x89PNG")
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
    made = body(
        Api.CHAT, messages=(Message("user", "what?", images=(picture,)), Message("user", "", images=(picture,)))
    )
    assert [message["content"] for message in made["messages"]] == [[{"type": "text", "text": "what?"}, url], [url]]


def test_tools_their_calls_and_results() -> None:
    made = body(
        Api.CHAT,
        messages=(
            Message("assistant", "", tool_calls=(ToolCall("call_1", "get_time", "{}"),)),
            Message("tool", "12:00", tool_call_id="call_1"),
        ),
        tools=(Tool("get_time", "The time", {"type": "object"}),),
    )
    assert made["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "12:00", "tool_call_id": "call_1"},
    ]
    described = {"name": "get_time", "description": "The time", "parameters": {"type": "object"}}
    assert made["tools"] == [{"type": "function", "function": described}]


def test_the_key_of_the_call_is_named() -> None:
    assert request(Api.CHAT, messages=MESSAGES, key="tenant-a").key == "tenant-a"
