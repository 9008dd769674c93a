"""A response as server-sent events.

An event says what it is in ``type``, and mostly in the ``event:`` line too; either alone will do. The end is an
event that holds the whole response, with usage and status. A count of the events (``sequence_number``), which makes
each differ from the last in more than its text, is why there is no Template for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from llmload.dialects.error_body import describe_error, describe_error_body, reported_error
from llmload.dialects.kept import KeptText
from llmload.dialects.openai.fields import Kind
from llmload.dialects.openai_responses.document import conclude, contents, is_call
from llmload.records import Answer
from llmload.wire.sse import SseDecoder

__all__ = ["EventsReader"]

_DONE: Final = b"[DONE]"
_MOST: Final = 1024
"""Calls of tools told apart in one stream."""

_DELTAS: Final[Mapping[str, str]] = {
    "response.output_text.delta": Kind.TEXT,
    "response.refusal.delta": Kind.REFUSAL,
    "response.reasoning.delta": Kind.REASONING,
    "response.reasoning_text.delta": Kind.REASONING,
    "response.reasoning_summary.delta": Kind.REASONING,
    "response.reasoning_summary_text.delta": Kind.REASONING,
    "response.function_call_arguments.delta": Kind.TOOL_CALL,
    "response.mcp_call_arguments.delta": Kind.TOOL_CALL,
    "response.custom_tool_call_input.delta": Kind.TOOL_CALL,
    "response.code_interpreter_call_code.delta": Kind.TOOL_CALL,
}
"""Events that carry content, in ``delta``."""


class EventsReader:
    """Fills an Answer from the events of one response; its end is the event that gives it a final status."""

    __slots__ = ("_answer", "_calls", "_kept", "_sse")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._sse = SseDecoder()
        self._kept = KeptText.of(answer)
        self._calls: set[int] = set()
        """The places of those items that are calls of tools."""

    def feed(self, data: bytes, t: int) -> None:
        """Take one read. DecodeError: an event is too long."""
        for kind, event in self._sse.feed(data):
            self._event(kind, event, t)

    def template(self) -> None:
        """See Reader: there is none."""

    def close(self, t: int) -> None:
        """Nothing more: an event without its end is dropped, as the standard says."""

    def _event(self, kind: bytes, event: bytes, t: int) -> None:
        answer = self._answer
        answer.events += 1
        if not answer.first_event:
            answer.first_event = t
        content = event.strip()
        if content == _DONE:
            answer.ended = True
        if content in (b"", _DONE):
            return
        try:
            document = orjson.loads(event)
        except orjson.JSONDecodeError:
            document = None
        if isinstance(document, dict):
            self._take(document, kind, t)
        elif kind == b"error":
            self._fail(describe_error_body(event))
        else:
            answer.malformed += 1

    def _take(self, document: dict[str, Any], line: bytes, t: int) -> None:
        kind = document.get("type")
        if not isinstance(kind, str):
            kind = line.decode("utf-8", "replace")
        if (content := _DELTAS.get(kind)) is not None:
            self._delta(content, document, t)
        elif (take := _OTHERS.get(kind)) is not None:
            take(self, document, t)
        elif (error := reported_error(document)) is not None:
            self._fail(error)

    def _delta(self, kind: str, document: dict[str, Any], t: int) -> None:
        text = document.get("delta")
        if not isinstance(text, str) or not text:
            return
        if kind is Kind.TOOL_CALL:
            self._call(document)
        self._content(kind, text, t)

    def _content(self, kind: str, text: str, t: int) -> None:
        answer = self._answer
        answer.stamps.append(t)
        if kind is not Kind.REASONING and not answer.first_output:
            answer.first_output = t
        if kind is Kind.TEXT and self._kept is not None:
            self._kept.add(text)

    def _call(self, document: dict[str, Any]) -> None:
        place = document.get("output_index")
        if isinstance(place, int) and len(self._calls) < _MOST:
            self._calls.add(place)
        self._answer.tool_calls = len(self._calls) or 1

    # Events that are no deltas.

    def _added(self, document: dict[str, Any], t: int) -> None:
        """An item begins: of a call of a tool, its name is content."""
        item = document.get("item")
        if isinstance(item, dict) and is_call(item):
            self._call(document)
            name = item.get("name")
            if isinstance(name, str) and name:
                self._content(Kind.TOOL_CALL, name, t)

    def _state(self, document: dict[str, Any], t: int) -> None:
        """The whole response as it stands. Where no delta came before its end, its content comes with this."""
        response = document.get("response")
        if not isinstance(response, dict):
            self._answer.malformed += 1
            return
        conclude(response, self._answer)
        if self._answer.finish is None:
            return
        self._answer.ended = True
        if not self._answer.stamps:
            self._late(response, t)

    def _late(self, response: dict[str, Any], t: int) -> None:
        answer = self._answer
        found = [*contents(response)]
        if found:
            answer.stamps.append(t)
        if any(piece.kind is not Kind.REASONING for piece in found):
            answer.first_output = t
        answer.tool_calls = len({piece.call for piece in found if piece.kind is Kind.TOOL_CALL})
        for piece in found:
            if piece.kind is Kind.TEXT and self._kept is not None:
                self._kept.add(piece.text)

    def _error(self, document: dict[str, Any], t: int) -> None:
        error = document.get("error")
        self._fail(describe_error(error if isinstance(error, dict) and error else document))

    def _fail(self, error: str) -> None:
        """The first error is the cause; what follows it is not kept."""
        if self._answer.error is None:
            self._answer.error = error or "an error event without data"


_OTHERS: Final[Mapping[str, Callable[[EventsReader, dict[str, Any], int], None]]] = {
    "response.created": EventsReader._state,
    "response.in_progress": EventsReader._state,
    "response.queued": EventsReader._state,
    "response.completed": EventsReader._state,
    "response.incomplete": EventsReader._state,
    "response.failed": EventsReader._state,
    "response.cancelled": EventsReader._state,
    "response.output_item.added": EventsReader._added,
    "error": EventsReader._error,
}
