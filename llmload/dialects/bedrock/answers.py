"""Answers of Converse: one JSON document, or frames of an event stream, each with a JSON object in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import NO_MESSAGE, describe_error, describe_error_body
from llmload.dialects.json_body import JsonBody
from llmload.dialects.kept import KeptText
from llmload.records import Answer, Usage
from llmload.wire.event_stream import EventStreamDecoder, Frame

__all__ = ["ConverseReader", "ConverseStreamReader"]

_FAILED_STOP: Final = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Stop reasons with which a model's answer is given up."""
_MOST: Final = 1024
"""Calls of tools told apart in one answer."""
_LIMIT: Final = 1 << 40
"""A count of tokens, or of milliseconds, above this is nonsense."""
_NO_USAGE: Final = Usage()
_INPUTS: Final = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
"""Together they are the prompt: the first leaves out what came from the cache or went into it."""


def _part(fields: object, name: str) -> Any:
    return fields.get(name) if isinstance(fields, dict) else None


def _count(fields: object, name: str) -> int | None:
    count = _part(fields, name)
    return count if type(count) is int and 0 <= count < _LIMIT else None


def _words(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _note_counts(document: Mapping[str, Any], answer: Answer) -> None:
    """Usage and latency, from a whole answer or the frame that has them."""
    counts = document.get("usage")
    prompt = [count for name in _INPUTS if (count := _count(counts, name)) is not None]
    usage = Usage(
        input=sum(prompt) if prompt else None,
        output=_count(counts, "outputTokens"),
        cached=_count(counts, "cacheReadInputTokens"),
    )
    if usage != _NO_USAGE:
        answer.usage = usage
    answer.server_time = (_count(document.get("metrics"), "latencyMs") or 0) * 1_000_000


def _note_stop(document: Mapping[str, Any], answer: Answer) -> None:
    reason = document.get("stopReason")
    if not isinstance(reason, str) or not (line := clean_line(reason, 64)):
        return
    answer.finish = line
    answer.choices_finished = 1
    if reason in _FAILED_STOP and answer.error is None:
        answer.error = f"the answer ended with stop reason {line!r}"


class ConverseReader(JsonBody):
    """A whole answer, or what stands in place of one."""

    __slots__ = ()

    def _read(self, document: dict[str, Any], t: int) -> bool:
        if "output" in document or "stopReason" in document:
            self._message(document)
            return True
        if document.keys() & {"message", "Message", "error", "__type"}:
            self._answer.error = describe_error(document)
            return True
        return False

    def _message(self, document: dict[str, Any]) -> None:
        answer = self._answer
        blocks = _part(_part(document.get("output"), "message"), "content")
        if not isinstance(blocks, list):
            answer.malformed += 1
            return
        _note_counts(document, answer)
        _note_stop(document, answer)
        kept = KeptText.of(answer)
        for block in blocks:
            if kept is not None and _words(text := _part(block, "text")):
                kept.add(text)
        answer.tool_calls = min(_MOST, sum(isinstance(_part(block, "toolUse"), dict) for block in blocks))
        answer.items = int(bool(blocks) or answer.finish is not None)


class ConverseStreamReader:
    """Fills an Answer from frames. ``messageStop`` is the end mark; ``metadata`` follows it."""

    __slots__ = ("_answer", "_calls", "_decoder", "_kept")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._kept = KeptText.of(answer)
        self._decoder = EventStreamDecoder()
        self._calls: set[int] = set()

    def feed(self, data: bytes, t: int) -> None:
        """Take one read. DecodeError: a frame is broken."""
        for frame in self._decoder.feed(data):
            self._frame(frame, t)

    def template(self) -> None:
        """See Reader: frames have checksums, so no two that differ are alike."""

    def close(self, t: int) -> None:
        """Nothing more: a frame that is not whole says nothing."""

    def _frame(self, frame: Frame, t: int) -> None:
        answer = self._answer
        answer.events += 1
        if not answer.first_event:
            answer.first_event = t
        kind = frame.headers.get(b":message-type", b"event")
        if kind != b"event":
            self._fail(frame)
            return
        read = _EVENTS.get(frame.headers.get(b":event-type", b""))
        if read is None:
            return
        try:
            document = orjson.loads(frame.payload)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            answer.malformed += 1
            return
        read(self, document, t)

    def _fail(self, frame: Frame) -> None:
        """An exception, which is JSON with its name in a header, or an error, which is headers only."""
        if self._answer.error is not None:
            return
        headers = frame.headers
        name = headers.get(b":exception-type") or headers.get(b":error-code", b"")
        said = headers.get(b":error-message", b"").decode("utf-8", "replace") or describe_error_body(frame.payload)
        both = ": ".join(filter(None, (name.decode("utf-8", "replace"), said)))
        self._answer.error = clean_line(both) or NO_MESSAGE

    def _start(self, document: dict[str, Any], t: int) -> None:
        if isinstance(_part(document.get("start"), "toolUse"), dict):
            self._call(document)
            self._content(t)

    def _delta(self, document: dict[str, Any], t: int) -> None:
        delta = document.get("delta")
        text = _part(delta, "text")
        if _words(text):
            self._content(t)
            if self._kept is not None:
                self._kept.add(text)
        elif _words(_part(_part(delta, "toolUse"), "input")):
            self._call(document)
            self._content(t)
        elif any(_words(_part(_part(delta, "reasoningContent"), name)) for name in ("text", "redactedContent")):
            self._answer.stamps.append(t)

    def _call(self, document: dict[str, Any]) -> None:
        index = document.get("contentBlockIndex")
        if isinstance(index, int) and len(self._calls) < _MOST:
            self._calls.add(index)
            self._answer.tool_calls = len(self._calls)

    def _content(self, t: int) -> None:
        self._answer.stamps.append(t)
        if not self._answer.first_output:
            self._answer.first_output = t

    def _stop(self, document: dict[str, Any], t: int) -> None:
        self._answer.ended = True
        _note_stop(document, self._answer)

    def _metadata(self, document: dict[str, Any], t: int) -> None:
        _note_counts(document, self._answer)


_EVENTS: Final[Mapping[bytes, Callable[[ConverseStreamReader, dict[str, Any], int], None]]] = {
    b"contentBlockStart": ConverseStreamReader._start,
    b"contentBlockDelta": ConverseStreamReader._delta,
    b"messageStop": ConverseStreamReader._stop,
    b"metadata": ConverseStreamReader._metadata,
}
"""What an event's payload says; the other events say nothing that is measured."""
