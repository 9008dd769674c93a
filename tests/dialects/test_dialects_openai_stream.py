"""Streams: times, bounds and hostile input; what the samples don't say."""

from __future__ import annotations

import orjson
import pytest

from llmload.dialects.kept import TEXT_LIMIT
from llmload.dialects.openai.stream import StreamReader
from llmload.errors import DecodeError
from llmload.records import Answer
from llmload.wire.sse import SSE_LIMIT


def event(**delta: object) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": delta}]}) + b"\n\n"


def test_times_are_those_of_the_reads() -> None:
    answer = Answer()
    reader = StreamReader(answer)
    for t, data in [
        (10, b": ping\n\n"),
        (20, event(role="assistant", content="")),
        (30, event(reasoning="hm")),
        (40, event(reasoning="hm!")),
        (50, event(content="a")[:-1]),
        (60, b"\n"),
        (70, event(content="b")),
        (80, event(content="c") + event(content="d")),
        (90, b": ping\n\n"),
    ]:
        reader.feed(data, t)
    assert list(answer.stamps) == [30, 40, 60, 70, 80, 80]
    assert (answer.first_event, answer.first_output) == (20, 60)
    assert answer.events == 7


def test_the_first_error_and_the_first_model_are_kept() -> None:
    answer = Answer()
    reader = StreamReader(answer)
    reader.feed(b'data: {"model":"a","error":"first"}\n\ndata: {"model":"b","error":"second"}\n\n', 1)
    assert (answer.model, answer.error) == ("a", "first")


def test_names_from_the_server_are_clean_and_bounded() -> None:
    answer = Answer()
    chunk = {"model": "\x1b[31mm\n" + "x" * 5000, "choices": [{"finish_reason": "st\x00op" + "y" * 5000}]}
    StreamReader(answer).feed(b"data: " + orjson.dumps(chunk) + b"\n\n", 1)
    assert answer.finish is not None
    assert (len(answer.model), len(answer.finish)) == (200, 64)
    assert (answer.model + answer.finish).isprintable()


def test_text_is_kept_up_to_its_bound_by_the_quick_way_too() -> None:
    answer = Answer(keep_text=True)
    reader = StreamReader(answer)
    for t, data in enumerate([b": hello\n\n", event(content="x"), *[event(content="x" * 50_000)] * 30]):
        reader.feed(data, t)
    assert len(answer.stamps) == 31
    assert sum(map(len, answer.text or [])) == TEXT_LIMIT


def test_an_event_beyond_the_bound_is_a_decode_error() -> None:
    reader = StreamReader(Answer())
    reader.feed(b": hello\n\n", 1)
    reader.feed(event(content="x"), 2)
    with pytest.raises(DecodeError):
        reader.feed(event(content="x" * SSE_LIMIT), 3)


def test_choices_and_tool_calls_without_end_are_counted_up_to_a_bound() -> None:
    answer = Answer()
    reader = StreamReader(answer)
    for index in range(3000):
        call = {"index": index, "function": {"name": "f"}}
        choice = {"index": index, "delta": {"tool_calls": [call]}, "finish_reason": "stop"}
        reader.feed(b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n", index + 1)
    assert len(answer.stamps) == 3000
    assert answer.choices_finished == answer.tool_calls == 1024
    assert answer.finish == "stop"


def test_content_after_the_finish_reason_takes_nothing_back() -> None:
    answer = Answer()
    reader = StreamReader(answer)
    for t, data in enumerate([event(content="a"), event(content="b")], start=1):
        reader.feed(data, t)
    reader.feed(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n', 3)
    reader.feed(event(content="c"), 4)
    assert (answer.finish, len(answer.stamps)) == ("stop", 3)
