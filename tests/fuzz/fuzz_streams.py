"""Streams of the Messages API and of Gemini: however cut, the same answer; and nothing hostile gets through."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from fuzz_case import Case, Fuzz
from fuzz_dialect import answer_facts, is_clean
from fuzz_wire import BROKEN, same_for_all_cuts
from fuzz_words import STRINGS

from llmload.dialects import Dialect, classify, dialect
from llmload.errors import DecodeError
from llmload.records import Answer, Api, Call

__all__ = ["ARRAY", "COHERE", "MESSAGES", "RESPONSES", "WORDS", "checked", "some_text"]

_CALL = Call(0, "c", "t", Api.CHAT, "m", stream=True)
_EVENTS = "text/event-stream"


def _read(speaks: Dialect, kind: str) -> Callable[[list[bytes]], object]:
    def answer_of(reads: list[bytes]) -> object:
        answer = Answer(keep_text=True)
        reader = speaks.reader(_CALL, answer, 200, kind)
        try:
            for data in reads:
                reader.feed(data, 1)
            reader.close(1)
        except DecodeError:
            return BROKEN
        outcome, detail = classify(_CALL, 200, answer, None)
        for text in (detail, answer.error or "", answer.finish or "", answer.model):
            assert is_clean(text), repr(text)
        assert len(answer.stamps) <= answer.events
        return answer_facts(answer) | {"outcome": outcome}

    return answer_of


def checked(speaks: Dialect, kind: str) -> Callable[[Case], None]:
    """The check of a dialect's streams of this content type."""
    answer_of = _read(speaks, kind)
    return lambda case: same_for_all_cuts(case, answer_of)


def some_text(random: Random) -> str:
    return random.choice(STRINGS).decode("utf-8", "replace")


def _messages(random: Random) -> bytes:
    text = some_text(random)
    deltas: tuple[dict[str, Any], ...] = (
        {"type": "text_delta", "text": text},
        {"type": "thinking_delta", "thinking": text},
        {"type": "input_json_delta", "partial_json": text},
        {"type": "signature_delta", "signature": text},
    )
    index = random.randint(0, 1)
    events: list[dict[str, Any]] = [
        {"type": "content_block_delta", "index": index, "delta": random.choice(deltas)},
    ] * random.randint(0, 4)
    events += random.choice(
        (
            [{"type": "message_delta", "delta": {"stop_reason": text}, "usage": {"output_tokens": 3}}],
            [{"type": "error", "error": {"type": "overloaded_error", "message": text}}],
            [{"type": "message_start", "message": {"model": text, "usage": {"input_tokens": 4}}}, {"type": "ping"}],
            [{"type": "message_stop"}],
        )
    )
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events)


def _parts(random: Random) -> bytes:
    text, index = some_text(random), random.randint(0, 1)
    messages: tuple[tuple[str, dict[str, Any]], ...] = (
        ("content-delta", {"content": {"text": text}}),
        ("content-delta", {"content": {"thinking": text}}),
        ("tool-plan-delta", {"tool_plan": text}),
        ("tool-call-start", {"tool_calls": {"id": text, "function": {"name": text, "arguments": ""}}}),
        ("tool-call-delta", {"tool_calls": {"function": {"arguments": text}}}),
        ("citation-start", {"citations": {"text": text}}),
    )
    kind, message = random.choice(messages)
    events: list[dict[str, Any]] = [{"type": kind, "index": index, "delta": {"message": message}}] * random.randint(
        0, 4
    )
    usage = {"tokens": {"input_tokens": random.choice((3, 3.0, -1, text))}, "cached_tokens": 2.0}
    events += random.choice(
        (
            [{"type": "message-end", "delta": {"finish_reason": random.choice(("COMPLETE", text)), "usage": usage}}],
            [{"type": "message-end", "delta": {"finish_reason": "ERROR", "error": text}}],
            [
                {
                    "type": "content-start",
                    "index": index,
                    "delta": {"message": {"content": {"type": "text", "text": ""}}},
                }
            ],
            [{"type": "debug", "prompt": text}],
        )
    )
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in events)


def _responses(random: Random) -> list[bytes]:
    parts = ({"text": some_text(random)}, {"text": some_text(random), "thought": True}, {"functionCall": {"name": "f"}})
    found = []
    for _ in range(random.randint(0, 4)):
        one: dict[str, Any] = {"content": {"parts": [random.choice(parts)]}}
        if random.random() < 0.2:
            one["finishReason"] = random.choice(("STOP", "OTHER", some_text(random)))
        usage = {"usageMetadata": {"promptTokenCount": 2}} if random.random() < 0.3 else {}
        found.append(json.dumps({"candidates": [one], **usage}).encode())
    if random.random() < 0.2:
        found.append(json.dumps({"promptFeedback": {"blockReason": some_text(random)}}).encode())
    return found


WORDS = [b'"text":', b"null", b"[]", b"{}", b"-1", b'"', b"\\", b"}", b"]"]

MESSAGES = Fuzz("messages", _messages, checked(dialect("anthropic"), _EVENTS), [*WORDS, b"event: x\n", b"\r"])
COHERE = Fuzz("cohere", _parts, checked(dialect("cohere"), _EVENTS), [*WORDS, b"event: x\n", b"\r"])
RESPONSES = Fuzz(
    "responses",
    lambda random: b"".join(b"data: %b\r\n\r\n" % one for one in _responses(random)),
    checked(dialect("gemini"), _EVENTS),
    [*WORDS, b"data:", b"\n"],
)
ARRAY = Fuzz(
    "array",
    lambda random: b"[%b]" % b",\r\n".join(_responses(random)),
    checked(dialect("gemini"), "application/json"),
    [*WORDS, b"[", b"{", b","],
    seams=(b"}", b","),
)
