"""The dialect "openai-realtime": what servers say, in frames however they are cut, and what is said to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from dialect_kit import Sample, check, check_hostile, load_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from spoiled import spoiled
from websockets.frames import Frame, Opcode

from llmload.dialects import DIALECTS, Dialect, Reader, classify, dialect
from llmload.dialects.base import OVER
from llmload.dialects.openai_realtime.session import SessionReader
from llmload.records import Answer, Api, Call, Image, Message, Outcome, Tool, ToolCall, WireRequest
from llmload.wire.frames import TEXT, FrameDecoder

REALTIME = dialect("openai-realtime")
KEPT = dialect("openai-realtime", {"socket": "kept"})
BETA = dialect("openai-realtime", {"version": "beta"})
SAMPLES = load_samples(Path(__file__).parent / "samples" / "openai-realtime")


class Framed:
    """The dialect as it is read off a socket: bytes of frames, messages to the reader."""

    name = "openai-realtime"
    apis = frozenset({Api.CHAT})

    def request(self, call: Call) -> WireRequest:
        return REALTIME.request(call)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        return FramedReader(REALTIME.reader(call, answer, status, content_type))


class FramedReader:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._frames = FrameDecoder()

    def feed(self, data: bytes, t: int) -> None:
        for message in self._frames.feed(data):
            if message.opcode == TEXT:
                self._reader.feed(message.data, t)

    def template(self) -> None:
        return self._reader.template()  # type: ignore[return-value]

    def close(self, t: int) -> None:
        self._reader.close(t)


FRAMED: Dialect = Framed()


def framed(sample: Sample) -> Sample:
    """The lines of a sample as messages: the longer ones in two parts, with a ping between."""
    made = bytearray()
    for line in sample.body.splitlines():
        if len(line) > 300:
            made += Frame(Opcode.TEXT, line[:200], fin=False).serialize(mask=False)
            made += Frame(Opcode.PING, b"?").serialize(mask=False)
            made += Frame(Opcode.CONT, line[200:]).serialize(mask=False)
        else:
            made += Frame(Opcode.TEXT, line).serialize(mask=False)
    return replace(sample, body=bytes(made))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_its_frames_are_cut(sample: Sample) -> None:
    check(FRAMED, framed(sample))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_frame_that_never_ends_changes_nothing(sample: Sample) -> None:
    whole = framed(sample)
    check(FRAMED, replace(whole, body=whole.body + b'\x81\x7e\x01\x00{"type":"response.done"'))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    check_hostile(FRAMED, sample, spoiled(framed(sample), data))
    lines = spoiled(sample, data)
    check_hostile(REALTIME, sample, [line for read in lines for line in read.split(b"\n") if line])


# -- what is said ------------------------------------------------------------------------------------------------


def said(speaks: Dialect, *messages: Message, **fields: Any) -> list[dict[str, Any]]:
    call = Call(0, "c", "t", Api.CHAT, "m", messages=messages, **fields)
    reader = speaks.reader(call, Answer(), 101, "")
    assert isinstance(reader, SessionReader)
    found = []
    while reader.due() == 1:
        found.append(orjson.loads(reader.say(1) or b"null"))
    assert reader.due() > 1 << 60
    assert reader.say(1) is None
    return found


def text(role: str, words: str, kind: str = "input_text") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": words}]}


def test_a_session_is_asked_for_by_its_model() -> None:
    made = REALTIME.request(Call(0, "c", "t", Api.CHAT, "my model/1", headers={"x-a": "b"}, key="k"))
    assert (made.method, made.path, made.body, made.key) == ("GET", "realtime?model=my%20model%2F1", b"", "k")
    assert dict(made.headers) == {"accept": "application/json", "x-a": "b"}
    assert dict(BETA.request(Call(0, "c", "t", Api.CHAT, "m")).headers)["OpenAI-Beta"] == "realtime=v1"
    own = BETA.request(Call(0, "c", "t", Api.CHAT, "m", headers={"openai-beta": "other"}))
    assert dict(own.headers) == {"accept": "application/json", "openai-beta": "other"}


def test_settings_then_the_conversation_then_the_question() -> None:
    messages = (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Yes?"),
        Message("user", "ž"),
    )
    assert said(REALTIME, *messages, max_tokens=5, params={"metadata": {"a": "b"}, "tools": None}) == [
        {
            "type": "session.update",
            "session": {
                "type": "realtime",
                "output_modalities": ["text"],
                "instructions": "Be brief.",
                "max_output_tokens": 5,
            },
        },
        {"type": "conversation.item.create", "item": text("user", "Hi")},
        {"type": "conversation.item.create", "item": text("assistant", "Yes?", "output_text")},
        {"type": "conversation.item.create", "item": text("user", "ž")},
        {"type": "response.create", "response": {"metadata": {"a": "b"}}},
    ]
    assert said(REALTIME, Message("user", "Hi"))[-1] == {"type": "response.create"}


def test_the_beta_has_other_names() -> None:
    found = said(BETA, Message("user", "Hi"), Message("assistant", "Yes?"), max_tokens=5)
    assert found[0]["session"] == {"modalities": ["text"], "max_response_output_tokens": 5}
    assert found[2]["item"] == text("assistant", "Yes?", "text")


def test_on_a_kept_socket_a_call_is_a_response_apart_from_the_conversation() -> None:
    found = said(KEPT, Message("system", "a"), Message("system", "b"), Message("user", "Hi"), params={"x": 1})
    assert found == [
        {
            "type": "response.create",
            "response": {
                "output_modalities": ["text"],
                "instructions": "a\nb",
                "conversation": "none",
                "input": [text("user", "Hi")],
                "x": 1,
            },
        }
    ]


def test_pictures_tools_and_their_results() -> None:
    call = ToolCall("call_1", "get_time", "{}")
    found = said(
        REALTIME,
        Message("user", "Look", images=(Image("image/png", b"png"),)),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", "12:00", tool_call_id="call_1"),
        tools=(Tool("get_time", "The time"),),
    )
    parameters = {"type": "object", "properties": {}}
    assert found[0]["session"]["tools"] == [
        {"type": "function", "name": "get_time", "description": "The time", "parameters": parameters}
    ]
    assert [event["item"] for event in found[1:-1]] == [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look"},
                {"type": "input_image", "image_url": "data:image/png;base64,cG5n"},
            ],
        },
        {"type": "function_call", "call_id": "call_1", "name": "get_time", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "12:00"},
    ]


# -- how it ends -------------------------------------------------------------------------------------------------

CALL = Call(0, "c", "t", Api.CHAT, "m", stream=True)
DONE = b'{"type":"response.done","response":{"status":"completed"}}'
ERROR = b'{"type":"error","error":{"message":"no"}}'


@pytest.mark.parametrize(
    ("speaks", "heard", "keeps"), [(REALTIME, DONE, False), (KEPT, DONE, True), (KEPT, ERROR, False)]
)
def test_the_dialogue_is_over_with_the_response_and_a_socket_kept_if_all_went_well(
    speaks: Dialect, heard: bytes, keeps: bool
) -> None:
    reader = speaks.reader(CALL, Answer(), 101, "")
    assert isinstance(reader, SessionReader)
    reader.feed(heard, 1)
    assert reader.due() == OVER
    assert reader.keeps() is keeps


def test_an_error_that_was_told_is_why_the_socket_closed() -> None:
    answer = Answer()
    REALTIME.reader(CALL, answer, 101, "").feed(ERROR, 1)
    closed = (Outcome.TRUNCATED, "the server closed the socket with code 3000")
    assert classify(CALL, 101, answer, closed) == (Outcome.ERROR_EVENT, "no")


def test_a_refusal_is_read_for_its_wording() -> None:
    answer = Answer()
    reader = REALTIME.reader(CALL, answer, 429, "application/json; charset=utf-8")
    reader.feed(b'{"error":{"message":"slow down"}}', 1)
    reader.close(1)
    assert classify(CALL, 429, answer, None) == (Outcome.HTTP_429, "HTTP 429: slow down")
    assert answer.content_type == "application/json"


def test_the_dialect_is_spoken_over_sockets() -> None:
    kind = DIALECTS["openai-realtime"]
    assert kind.socket
    assert kind.options.keys() == kind.choices.keys()
