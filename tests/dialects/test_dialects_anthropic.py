"""The dialect "anthropic": what servers send, and requests as they go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from dialect_kit import Sample, check, check_hostile, facts, load_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from spoiled import spoiled

from llmload.dialects import DIALECTS, dialect
from llmload.dialects.anthropic.stream import MessageStream
from llmload.records import Answer, Api, Call, Image, Message, Tool, ToolCall, WireRequest

ANTHROPIC = dialect("anthropic")
SAMPLES = load_samples(Path(__file__).parent / "samples" / "anthropic")


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_it_is_cut(sample: Sample) -> None:
    check(ANTHROPIC, sample)


def test_there_are_samples_for_every_api() -> None:
    assert {Api(sample.api) for sample in SAMPLES} == ANTHROPIC.apis


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    check_hostile(ANTHROPIC, sample, spoiled(sample, data))


# -- the quick way through a stream ----------------------------------------------------------------------------


class Parsing(MessageStream):
    """The same reader, never learning a template."""

    __slots__ = ()

    def _learn(self, read: bytes, kind: bytes, event: bytes, document: dict[str, Any] | None) -> None:
        pass


def event(document: dict[str, Any], end: bytes = b"\n", named: bool = True) -> bytes:
    name = b"event: " + document["type"].encode() + end if named else b""
    return name + b"data: " + orjson.dumps(document) + end + end


def delta(text: str, index: int = 0, kind: str = "text") -> dict[str, Any]:
    field = {"text": "text", "thinking": "thinking", "input_json": "partial_json"}[kind]
    return {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", field: text}}


def run(kind: type[MessageStream], reads: list[bytes], keep_text: bool) -> tuple[object, ...]:
    answer = Answer(keep_text)
    reader = kind(answer)
    for t, data in enumerate(reads, start=1):
        reader.feed(data, t)
    return facts(answer), list(answer.stamps), answer.first_event, answer.first_output, answer.text


EVENTS = st.one_of(
    st.builds(delta, st.sampled_from(["a", "", "žluť", '"', "\\", "text_delta"]) | st.text(max_size=5),
              st.integers(0, 1), st.sampled_from(["text", "text", "text", "thinking", "input_json"])),
    st.sampled_from([
        {"type": "ping"}, {"type": "message_stop"}, {"type": "error", "error": {"type": "api_error"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "f"}},
    ]),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(EVENTS, min_size=1, max_size=3), max_size=15), st.booleans(), st.booleans(), st.booleans())
def test_templates_and_parsing_give_identical_answers(
    batches: list[list[dict[str, Any]]], named: bool, crlf: bool, keep_text: bool
) -> None:
    end = b"\r\n" if crlf else b"\n"
    reads = [b": hello\n\n", *(b"".join(event(entry, end, named) for entry in batch) for batch in batches)]
    assert run(MessageStream, reads, keep_text) == run(Parsing, reads, keep_text)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("kind", ["text", "thinking", "input_json"])
def test_like_events_are_parsed_once(monkeypatch: pytest.MonkeyPatch, kind: str, end: bytes) -> None:
    parsed = 0
    chunk = MessageStream._chunk

    def counting(self: MessageStream, document: dict[str, Any], t: int) -> None:
        nonlocal parsed
        parsed += 1
        chunk(self, document, t)

    monkeypatch.setattr(MessageStream, "_chunk", counting)
    answer = Answer()
    reader = MessageStream(answer)
    for t in range(1, 500):
        reader.feed(b"".join(event(delta(f"token {t}", 0, kind), end) for _ in range(1 + t % 3)), t)
    assert parsed == 2  # the first read holds two events
    assert len(answer.stamps) == answer.events == sum(1 + t % 3 for t in range(1, 500))
    found = reader.template()
    assert found is not None
    assert found[0].startswith(b"event: content_block_delta" + end + b"data: ")


# -- requests --------------------------------------------------------------------------------------------------


def body(*messages: Message, **fields: Any) -> Any:
    return orjson.loads(ANTHROPIC.request(Call(0, "c", "t", Api.CHAT, "m", messages=messages, **fields)).body)


def test_a_request_has_its_system_prompt_apart() -> None:
    made = ANTHROPIC.request(
        Call(0, "c", "t", Api.CHAT, "m", messages=(Message("system", "be brief"), Message("user", "žluť?")),
             max_tokens=5, stream=True, params={"temperature": 0}, key="k")
    )  # fmt: skip
    assert (made.method, made.path, made.key) == ("POST", "messages", "k")
    assert dict(made.headers) == {
        "anthropic-version": "2023-06-01", "content-type": "application/json", "accept": "text/event-stream",
    }  # fmt: skip
    assert orjson.loads(made.body) == {
        "model": "m",
        "system": "be brief",
        "messages": [{"role": "user", "content": "žluť?"}],
        "max_tokens": 5,
        "stream": True,
        "temperature": 0,
    }


def test_a_bound_is_always_sent() -> None:
    assert body(Message("user", "x"))["max_tokens"] == 1024
    assert "max_tokens" not in body(Message("user", "x"), params={"max_tokens": None})


def test_options_are_headers_and_a_call_overrides_them() -> None:
    made = dialect("anthropic", {"version": "2024-01-01", "beta": "a,b"})
    headers = made.request(Call(0, "c", "t", Api.MODELS, "m", headers={"Anthropic-Version": "x"})).headers
    assert headers == (("anthropic-beta", "a,b"), ("accept", "application/json"), ("Anthropic-Version", "x"))
    assert DIALECTS["anthropic"].key == ("x-api-key", "")


def test_models_are_listed() -> None:
    headers = (("anthropic-version", "2023-06-01"), ("accept", "application/json"))
    assert ANTHROPIC.request(Call(0, "c", "t", Api.MODELS, "m")) == WireRequest("GET", "models", headers, b"")


def test_pictures_stand_before_the_text() -> None:
    made = body(Message("user", "What is it?", images=(Image("image/png", b"\x89PNG"),)))
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    assert made["messages"][0]["content"] == [
        {"type": "image", "source": source},
        {"type": "text", "text": "What is it?"},
    ]


def test_calls_of_tools_are_blocks_and_results_that_come_together_one_turn() -> None:
    calls = (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{cut"))
    made = body(Message("user", "Time?"), Message("assistant", "", tool_calls=calls),
                Message("tool", "12:00", tool_call_id="a"), Message("tool", "no", tool_call_id="b"),
                tools=(Tool("f", "The time", {"type": "object"}), Tool("g")))  # fmt: skip
    assert made["messages"][1:] == [
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "12:00"},
            {"type": "tool_result", "tool_use_id": "b", "content": "no"}]},
    ]  # fmt: skip
    assert made["tools"] == [
        {"name": "f", "description": "The time", "input_schema": {"type": "object"}},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
