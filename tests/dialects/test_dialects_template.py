"""The quick way through a stream must give what parsing every event gives: exactly, for any bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from dialect_kit import facts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmload.dialects import event_stream
from llmload.dialects.openai.stream import StreamReader
from llmload.dialects.template import NO_TEMPLATE, Template, learn, strings
from llmload.errors import DecodeError
from llmload.records import Answer


class Parsing(StreamReader):
    """The same reader, never learning a template: it parses every event."""

    __slots__ = ()

    def _learn(self, read: bytes, kind: bytes, event: bytes, document: dict[str, Any] | None) -> None:
        pass


def run(kind: type[StreamReader], reads: list[bytes], keep_text: bool) -> tuple[object, ...]:
    answer = Answer(keep_text)
    reader = kind(answer)
    failed = False
    try:
        for t, data in enumerate(reads, start=1):
            reader.feed(data, t)
    except DecodeError:
        failed = True
    text = answer.text
    return facts(answer), list(answer.stamps), answer.first_event, answer.first_output, text, failed


def same(reads: list[bytes], keep_text: bool = True) -> None:
    assert run(StreamReader, reads, keep_text) == run(Parsing, reads, keep_text)


# A small vocabulary of frames and strings, so that events often are alike but for one string.
FRAMES = [
    b'{"model":"m","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}',
    b'{"model":"m","choices":[{"index":0,"delta":{"content":"%s"}}],"usage":null}',
    b'{"choices":[{"index":1,"delta":{"content":"%s"}}]}',
    b'{"choices":[{"index":0,"delta":{"reasoning":"%s"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"first","content":"%s"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"%s","content":"last"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"here"},"logprobs":{"content":"%s"}}]}',
    b'{"choices":[{"index":0,"delta":{"\\"content":"%s","content":"here"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"%s","role":"\\"content\\":\\"x\\""}}]}',
    b'{"choices":[{"index":0,"delta":{"content" : "%s" }}]} ',
    b'{"choices":[{"delta":{"content":[{"type":"text","text":"%s"}]}}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"index":3,"function":{"arguments":"%s"}}]}}]}',
    b'{"choices":[{"index":0,"text":"%s"}]}',
    b'{"choices":[{"index":0,"delta":{"content":"%s"}}],"usage":{"prompt_tokens":1}}',
    b'{"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":"stop"}]}',
    b'{"choices":[{"index":0,"delta":{"content":"%s"}}],"error":{"message":"m"}}',
    b'{"choices":[{"index":0,"delta":{"content":"%s","refusal":"no"}}]}',
    b'{"choices":[{"index":0,"text":"more","delta":{"content":"%s"}}]}',
    b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    b'{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3}}',
    b"[DONE]",
]
STRINGS = [
    b"a", b"hello", b"", b" ", b"\\", b"\\\\", b"\\n", b"\\u00e9", b"\\ud83d\\udc0e", b"\\ud800", b"\\x", b'"', b'\\"',
    b'\\\\"', b'","content":"x', b'"},"delta":{"content":"x', b"\n", b"\r", b"\r\n", b"\n\n", b"\x00", b"\x1f", b"\x7f",
    b"\xc5\xbe", b"\xc5", b"\xff", b"\xed\xa0\x80", b"probe", b"other", b'" , "x": "',
    b'"}}]}\n\ndata: {"choices":[{"index":0,"delta":{"content":"y',
]  # fmt: skip
ENDS = [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\n\r\n"]
HEADS = [
    b"data: ",
    b"data:",
    b"data:  ",
    b": c\ndata: ",
    b"event: x\ndata: ",
    b"event: error\ndata: ",
    b"\ndata: ",
    b"",
]


@st.composite
def reads(draw: Callable[..., Any]) -> list[bytes]:
    """A stream in which few kinds of event repeat, one or several to a read, some cut in the middle."""
    frames = draw(st.lists(st.sampled_from(FRAMES), min_size=1, max_size=3))
    head = draw(st.sampled_from([*HEADS[:1] * 8, *HEADS]))
    end = draw(st.sampled_from([*ENDS[:2] * 4, *ENDS]))
    pieces: list[bytes] = [b": hello\n\n"] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 12))):
        read = b""
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
            frame = draw(st.sampled_from(frames))
            string = draw(st.sampled_from(STRINGS[:2] * 8 + STRINGS) | st.binary(max_size=4))
            odd = draw(st.integers(0, 12)) == 0
            read += draw(st.sampled_from(HEADS)) if odd else head
            read += frame.replace(b"%s", string) + (draw(st.sampled_from(ENDS)) if odd else end)
        if draw(st.integers(0, 9)) == 0:
            at = draw(st.integers(0, len(read)))
            pieces += [read[:at], read[at:]]
        else:
            pieces.append(read)
    return pieces


@settings(max_examples=500, deadline=None)
@given(reads(), st.booleans())
def test_templates_and_parsing_give_identical_answers(pieces: list[bytes], keep_text: bool) -> None:
    same(pieces, keep_text)


@pytest.mark.parametrize("end", ENDS[:2], ids=repr)
@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_any_string_in_any_learned_frame_is_read_as_by_parsing(frame: bytes, end: bytes) -> None:
    def event(value: bytes) -> bytes:
        return b"data: " + frame.replace(b"%s", value) + end

    for string in STRINGS:
        odd = event(string)
        same([b":\n\n", event(b"a"), event(b"b"), odd, event(b"c"), event(b"d") + odd + event(b"e")])


FRAGMENTS = [
    b"event: error\n", b"event: x\n", b"data: x\n", b"data: x", b"data:\n", b":", b": c\n", b"\r", b"id: 1\n",
    b"da", b"\n",
]  # fmt: skip


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_a_like_read_in_the_middle_of_something_else_is_no_event_of_its_own(fragment: bytes) -> None:
    like = b"data: " + FRAMES[0].replace(b"%s", b"a") + b"\n\n"
    same([b":\n\n", like, like, fragment, like, like])
    same([b":\n\n", like, like, like + fragment, like + like, like])


@pytest.mark.parametrize(
    "between",
    [
        b'{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}',
        b'{"choices":[],"usage":{"prompt_tokens":9}}',
        b'{"choices":[],"error":"another"}',
        b'{"choices":[{"index":1,"delta":{"content":"x"}}]}',
        b'{"model":"another"}',
    ],
)
@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_like_events_before_and_after_another_do_what_they_would_do_when_parsed(frame: bytes, between: bytes) -> None:
    like = b"data: " + frame.replace(b"%s", b"a") + b"\n\n"
    same([b":\n\n", like, like, b"data: " + between + b"\n\n", like, like])


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=20), st.lists(st.text(max_size=20), max_size=5))
@example("probe", ["other"])
@example("other", ["probe"])
def test_any_text_is_kept_as_it_was_sent(first: str, rest: list[str]) -> None:
    texts = ["a", first, *rest]
    reads = [b":\n\n"]
    reads += [b"data: " + orjson.dumps({"choices": [{"delta": {"content": text}}]}) + b"\n\n" for text in texts]
    same(reads)
    answer = Answer(keep_text=True)
    reader = StreamReader(answer)
    for t, data in enumerate(reads, start=1):
        reader.feed(data, t)
    assert "".join(answer.text or []) == "".join(texts)


def event(string: str, **more: object) -> bytes:
    body = {"model": "m", "choices": [{"index": 0, "delta": {"content": string}, **more}]}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def parsed(monkeypatch: pytest.MonkeyPatch, reads: list[bytes]) -> int:
    """How many events were parsed in full."""
    count = 0
    read_chunk = StreamReader._chunk

    def counting(self: StreamReader, document: dict[str, Any], t: int) -> None:
        nonlocal count
        count += 1
        read_chunk(self, document, t)

    monkeypatch.setattr(StreamReader, "_chunk", counting)
    answer = Answer()
    reader = StreamReader(answer)
    for t, data in enumerate(reads, start=1):
        reader.feed(data, t)
    assert len(answer.stamps) == answer.events == b"".join(reads).count(b"data:")
    return count


def test_like_events_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(monkeypatch, [event(f"token {n}") for n in range(1000)]) == 1


def test_like_events_are_parsed_once_with_crlf_and_without_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = [event(f"{n}").replace(b"\n", b"\r\n").replace(b"data: ", b"data:") for n in range(100)]
    assert parsed(monkeypatch, reads) == 1


def test_like_events_are_parsed_once_even_if_several_come_in_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = [b"".join(event(f"\\ {n} {k}\n") for k in range(1 + n % 5)) for n in range(100)]
    assert parsed(monkeypatch, reads) == 1


def test_a_frame_that_changes_now_and_then_is_learned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = [event(f"{n}", created=n // 50) for n in range(1000)]
    assert parsed(monkeypatch, reads) <= 2 * 20


def test_frames_that_always_change_are_learned_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    lessons = 0

    def counting(*args: Any) -> Template:
        nonlocal lessons
        lessons += 1
        return learn(*args)

    monkeypatch.setattr(event_stream, "learn", counting)
    assert parsed(monkeypatch, [event("x", created=n) for n in range(1000)]) == 1000
    assert lessons <= 12


def content_of(document: Any) -> str | None:
    content = document.get("content")
    return content if isinstance(content, str) else None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"content":"a","x":{"content":"b"}}', "a"),
        (b'{"content":"a","\\"content":"b"}', "a"),
        (b'{"content":\n"a"}', "a"),
        (b'{"content":"a","x":"' + b"x" * 20_000 + b'"}', "a"),
        (b'{"c\\u006fntent":"a"}', "a"),
    ],
    ids=["the key elsewhere", "another key", "several lines", "very long", "an escaped key"],
)
def test_nothing_is_learned_where_the_string_can_not_be_told_apart(data: bytes, text: str) -> None:
    assert learn(b"data: " + data + b"\n\n", data, "content", text, content_of) is NO_TEMPLATE


def test_the_template_is_the_frame_around_the_string_that_counts() -> None:
    data = b'{"content":"no","content": "yes"}'
    head, tail, frame, quoted = learn(b"data: " + data + b"\n\n", data, "content", "yes", content_of)
    assert (head, tail) == (b'data: {"content":"no","content": "', b'"}\n\n')
    assert frame == len(head + tail)
    assert (head + b"other" + tail)[quoted] == b'"other"'


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        (b"a", ["a"]), (b'a"}\n\ndata: {"content":"b', ["a", "b"]), (b'a"}\n\ndata: {"content":"', []),
        (b'a"}\n\ndata:{"content":"b', []), (b"\xff", []), (b"\\n", ["\n"]), (b"\\", []),
    ],
)  # fmt: skip
def test_strings_are_those_of_a_run_of_like_events_or_none(inner: bytes, found: list[str]) -> None:
    data = b'{"content":"x"}'
    template = learn(b"data: " + data + b"\n\n", data, "content", "x", content_of)
    assert strings(inner, template) == found
