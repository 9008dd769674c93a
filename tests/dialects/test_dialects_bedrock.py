"""The dialect "bedrock": requests as boto3 makes them, answers however they are cut."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from aws_frames import event, frame, trouble
from dialect_kit import Sample, check, check_hostile
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.dialects import dialect
from llmload.records import Answer, Api, Call, Image, Message, Tool, ToolCall

BEDROCK = dialect("bedrock")
STREAM = "application/vnd.amazon.eventstream"
BEGIN = event("messageStart", {"role": "assistant"})
HELLO = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}, "p": "abcdefgh"})
WORLD = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": " world"}})
STOP = event("contentBlockStop", {"contentBlockIndex": 0}) + event("messageStop", {"stopReason": "end_turn"})
COUNTS = {"usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11, "cacheReadInputTokens": 4},
          "metrics": {"latencyMs": 731}}  # fmt: skip
METADATA = event("metadata", COUNTS)
TOOL = (
    event("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t1", "name": "find"}}})
    + event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"city":'}}})
    + event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": ' "Rome"}'}}})
    + event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": ""}}})
)
REASONING = (
    event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Let me"}}})
    + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": "cg=="}}})
    + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "c2ln"}}})
)
GOOD = {"ended": True, "finish": "end_turn", "choices_finished": 1}
USAGE = {"usage": [13, 2, 4, -1]}


def stream(name: str, body: bytes, outcome: str, **answer: object) -> Sample:
    return Sample(name, body, name, outcome, content_type=STREAM, answer=answer)


def document(name: str, body: object, outcome: str, status: int = 200, **answer: object) -> Sample:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Sample(name, raw, name, outcome, "chat", False, status, "application/json", answer)


def whole(*blocks: object, stop: str = "end_turn") -> dict[str, object]:
    return {"output": {"message": {"role": "assistant", "content": list(blocks)}}, "stopReason": stop, **COUNTS}


SAMPLES = [
    stream("text", BEGIN + HELLO + WORLD + STOP + METADATA, "ok", chunks=2, events=6, text="Hello world", output=True,
           **GOOD, **USAGE),
    stream("tool", BEGIN + HELLO + TOOL + event("messageStop", {"stopReason": "tool_use"}), "ok", chunks=4, events=7,
           text="Hello", output=True, tool_calls=1, **GOOD | {"finish": "tool_use"}),
    stream("reasoning", BEGIN + REASONING + WORLD + STOP, "ok", chunks=3, events=7, text=" world", output=True, **GOOD),
    stream("cut", BEGIN + HELLO + WORLD, "truncated", chunks=2, events=3, text="Hello world", output=True),
    stream("stop without content", BEGIN + STOP, "ok", events=3, **GOOD),
    stream("nothing", b"", "empty"),
    stream("only a start", BEGIN, "empty", events=1),
    stream("throttled", BEGIN + HELLO + trouble("throttlingException", "Too many tokens"), "error_event", chunks=1,
           events=3, text="Hello", output=True, error="throttlingException: Too many tokens"),
    stream("error headers", frame(b"", {":message-type": "error", ":error-code": "InternalError",
           ":error-message": "no\x1b[31m luck"}), "error_event", events=1, error="InternalError: no luck"),
    stream("given up", BEGIN + HELLO + event("messageStop", {"stopReason": "malformed_tool_use"}), "error_event",
           chunks=1, events=3, text="Hello", output=True,
           error="the answer ended with stop reason 'malformed_tool_use'",
           **GOOD | {"finish": "malformed_tool_use"}),
    stream("no JSON", BEGIN + frame(b"{", {":event-type": "contentBlockDelta", ":message-type": "event"}) + STOP,
           "protocol_error", events=4, malformed=1, **GOOD),
    stream("unknown event", BEGIN + event("somethingNew", {"a": 1}) + HELLO + STOP, "ok", chunks=1, events=5,
           text="Hello", output=True, **GOOD),
    stream("absurd counts", HELLO + STOP + event("metadata", {"usage": {"inputTokens": -1, "outputTokens": True},
           "metrics": 7}), "ok", chunks=1, events=4, text="Hello", output=True, **GOOD),
    document("whole", whole({"text": "Hello"}, {"text": " world"}), "ok", items=1, text="Hello world", **GOOD, **USAGE),
    document("whole tool", whole({"reasoningContent": {"reasoningText": {"text": "hm"}}},
             {"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}, stop="tool_use"), "ok", items=1, tool_calls=1,
             **GOOD | {"finish": "tool_use"}, **USAGE),
    document("error in 200", {"message": "no such model"}, "error_event", ended=True, error="no such model"),
    document("another document", {"a": 1}, "protocol_error", ended=True, malformed=1),
    document("a list", [], "protocol_error", ended=True, malformed=1),
    document("no content", {"output": {}, "stopReason": "end_turn"}, "protocol_error", ended=True, malformed=1),
    document("empty body", b"", "empty", ended=True),
    document("no JSON at all", b"<html>", "protocol_error", ended=True, malformed=1),
    document("validation", {"message": "The provided model identifier is invalid."}, "http_4xx", 400, ended=True,
             error="The provided model identifier is invalid."),
    document("throttling", {"message": "Too many requests"}, "http_429", 429, ended=True, error="Too many requests"),
]  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_it_is_cut(sample: Sample) -> None:
    check(BEDROCK, sample)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(sample.body)))
    body = sample.body[:at] + data.draw(st.binary(max_size=8)) + sample.body[at:]
    check_hostile(BEDROCK, sample, [body[:at], body[at:]])


KEYS = st.sampled_from(
    ["delta", "text", "toolUse", "input", "usage", "metrics", "latencyMs", "stopReason", "contentBlockIndex", "start",
     "reasoningContent", "inputTokens"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["contentBlockStart", "contentBlockDelta", "messageStop", "metadata"]), JSON)
def test_any_json_in_a_frame_is_survived(kind: str, document: object) -> None:
    check_hostile(BEDROCK, SAMPLES[0], [event(kind, document)])


@pytest.mark.parametrize("name", ["text", "whole"])
def test_how_long_the_server_took_is_noted(name: str) -> None:
    sample = next(each for each in SAMPLES if each.name == name)
    answer = Answer()
    reader = BEDROCK.reader(sample.call, answer, 200, sample.content_type)
    reader.feed(sample.body, 1)
    reader.close(2)
    assert answer.server_time == 731_000_000


def test_the_name_of_an_error_that_came_in_a_header_stands_before_its_words() -> None:
    sample = SAMPLES[-1]
    answer = Answer()
    answer.error = "ThrottlingException"
    reader = BEDROCK.reader(sample.call, answer, 429, "application/json")
    reader.feed(sample.body, 1)
    reader.close(2)
    assert answer.error == "ThrottlingException: Too many requests"


CALL = Call(0, "c", "t", Api.CHAT, "anthropic.claude-3-haiku-20240307-v1:0", messages=(Message("user", "Hi"),))


def test_the_name_of_the_model_is_encoded_whole() -> None:
    assert BEDROCK.request(CALL).path == "model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
    streamed = BEDROCK.request(replace(CALL, model="arn:aws:bedrock:us-east-1:1:x/y", stream=True))
    assert streamed.path == "model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ax%2Fy/converse-stream"
    assert dict(streamed.headers)["accept"] == STREAM


def test_a_conversation_with_pictures_and_tools_is_what_boto3_accepts() -> None:
    call = replace(
        CALL,
        messages=(
            Message("system", "Be brief."),
            Message("user", "What is this?", images=(Image("image/png", b"\x89PNG"),)),
            Message(
                "assistant", "", tool_calls=(ToolCall("t1", "find", '{"a": 1}'), ToolCall("t2", "find", "{broken"))
            ),
            Message("tool", "one", tool_call_id="t1"),
            Message("tool", "two", tool_call_id="t2"),
            Message("user", "So?"),
        ),
        max_tokens=50,
        tools=(Tool("find", "Finds.", {"type": "object"}), Tool("plain")),
        params={"inferenceConfig": {"temperature": 0.5}, "guardrailConfig": None},
    )
    body = json.loads(BEDROCK.request(call).body)
    assert body == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [
                {"image": {"format": "png", "source": {"bytes": base64.b64encode(b"\x89PNG").decode()}}},
                {"text": "What is this?"},
            ]},
            {"role": "assistant", "content": [
                {"toolUse": {"toolUseId": "t1", "name": "find", "input": {"a": 1}}},
                {"toolUse": {"toolUseId": "t2", "name": "find", "input": {}}},
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "t1", "content": [{"text": "one"}]}},
                {"toolResult": {"toolUseId": "t2", "content": [{"text": "two"}]}},
                {"text": "So?"},
            ]},
        ],
        "inferenceConfig": {"maxTokens": 50, "temperature": 0.5},
        "toolConfig": {"tools": [
            {"toolSpec": {"name": "find", "description": "Finds.", "inputSchema": {"json": {"type": "object"}}}},
            {"toolSpec": {"name": "plain", "inputSchema": {"json": {}}}},
        ]},
    }  # fmt: skip
    assert _complaints(body) == ""


def _complaints(body: dict[str, object]) -> str:
    """What botocore's own model of the API says against it."""
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.Session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    return ParamValidator().validate({"modelId": "m", **body}, model).generate_report()
