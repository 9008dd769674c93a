"""One response on the socket of a Realtime session: what is said, and the events that are heard.

A message is an event, which says what it is in ``type``. Content comes as deltas, under the names of today and those of
the beta; ``response.done`` has status and usage and is the end. Whatever else a session tells (items that were added,
rate limits) is counted as an event and otherwise left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from llmload.dialects.base import NEVER, OVER
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import describe_error
from llmload.dialects.intake import Intake
from llmload.dialects.openai.fields import count_of, note_model
from llmload.dialects.openai_responses.document import contents, is_call
from llmload.dialects.pieces import Kind, Piece
from llmload.records import Answer, Usage

__all__ = ["SessionReader"]

_NO_USAGE: Final = Usage()
_BROKEN: Final = frozenset({"failed", "cancelled"})

_DELTAS: Final[Mapping[str, str]] = {
    "response.output_text.delta": Kind.TEXT,
    "response.text.delta": Kind.TEXT,
    "response.output_audio_transcript.delta": Kind.TEXT,
    "response.audio_transcript.delta": Kind.TEXT,
    "response.function_call_arguments.delta": Kind.TOOL_CALL,
    "response.mcp_call_arguments.delta": Kind.TOOL_CALL,
}
"""Events that carry content, in ``delta``. A server that answers in sound all the same has the words beside it."""


class SessionReader:
    """Says ``said`` and fills an Answer with the response to it.

    ``kept``: the socket stays open where nothing went wrong. An error event is the end, as the call is then not
    what was asked for.
    """

    __slots__ = ("_answer", "_intake", "_kept", "_left", "_over")

    def __init__(self, said: tuple[bytes, ...], answer: Answer, kept: bool = False) -> None:
        answer.switched = True
        self._answer = answer
        self._intake = Intake(answer)
        self._left = [*reversed(said)]
        self._kept = kept
        self._over = False

    def due(self) -> int:
        """See Dialogue."""
        if self._over:
            return OVER
        return 1 if self._left else NEVER

    def say(self, t: int) -> bytes | None:
        """See Dialogue."""
        return self._left.pop() if self._left else None

    def keeps(self) -> bool:
        """See Dialogue."""
        return self._kept and self._answer.error is None and not self._answer.malformed

    def feed(self, data: bytes, t: int) -> None:
        """A message was heard."""
        answer = self._answer
        if self._over:
            return
        answer.events += 1
        answer.first_event = answer.first_event or t
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            document = None
        kind = document.get("type") if isinstance(document, dict) else None
        if not isinstance(kind, str):
            answer.malformed += 1
        elif (content := _DELTAS.get(kind)) is not None:
            self._delta(content, document, t)
        elif (take := _OTHERS.get(kind)) is not None:
            take(self, document, t)

    def template(self) -> None:
        """See Reader: messages are never skipped."""

    def close(self, t: int) -> None:
        """Nothing more."""

    def _delta(self, kind: str, document: dict[str, Any], t: int) -> None:
        text = document.get("delta")
        if not isinstance(text, str) or not text:
            return
        if kind is Kind.TEXT and self._answer.first_output:  # one more like those before
            self._answer.stamps.append(t)
            if self._intake.kept is not None:
                self._intake.kept.add(text)
        else:
            self._content([Piece(kind, "delta", text, _place(document))], t)

    def _content(self, pieces: list[Piece], t: int) -> None:
        if self._intake.choice(0, pieces, None, t):
            self._answer.stamps.append(t)

    def _session(self, document: dict[str, Any], t: int) -> None:
        session = document.get("session")
        if isinstance(session, dict):
            note_model(session, self._answer)

    def _added(self, document: dict[str, Any], t: int) -> None:
        """An item begins: of a call of a tool, its name is content."""
        item = document.get("item")
        name = item.get("name") if isinstance(item, dict) and is_call(item) else None
        if isinstance(name, str) and name:
            self._content([Piece(Kind.TOOL_CALL, "name", name, _place(document))], t)

    def _done(self, document: dict[str, Any], t: int) -> None:
        """The whole response, with its status. Where no delta came before, its content comes with this."""
        response = document.get("response")
        if not isinstance(response, dict):
            self._answer.malformed += 1
            return
        self._answer.usage = _usage(response.get("usage")) or self._answer.usage
        if not self._answer.stamps:
            self._content([piece for piece in contents(response) if piece.text], t)
        self._conclude(response, t)
        self._answer.ended = self._over = True

    def _conclude(self, response: Mapping[str, Any], t: int) -> None:
        """``finish`` is the status, or the reason for it where there is one."""
        details = response.get("status_details")
        told = details if isinstance(details, dict) else {}
        status, reason = response.get("status"), told.get("reason")
        words = reason if isinstance(reason, str) and reason else status
        if isinstance(words, str) and (finish := clean_line(words, 64)):
            self._intake.choice(0, (), finish, t)
        if status in _BROKEN if isinstance(status, str) else False:
            error = told.get("error")
            why = f": {reason}" if isinstance(reason, str) and reason else ""
            self._intake.fail(describe_error(error) if error else clean_line(f"the response was {status}{why}"))

    def _error(self, document: dict[str, Any], t: int) -> None:
        error = document.get("error")
        self._intake.fail(describe_error(error or document))
        self._over = True


def _place(document: Mapping[str, Any]) -> int:
    """Which item of the response an event belongs to."""
    place = document.get("output_index")
    return place if type(place) is int else 0


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    usage = Usage(
        input=count_of(value, "input_tokens"),
        output=count_of(value, "output_tokens"),
        cached=count_of(value.get("input_token_details"), "cached_tokens"),
        reasoning=count_of(value.get("output_token_details"), "reasoning_tokens"),
    )
    return None if usage == _NO_USAGE else usage


_OTHERS: Final[Mapping[str, Callable[[SessionReader, dict[str, Any], int], None]]] = {
    "session.created": SessionReader._session,
    "session.updated": SessionReader._session,
    "response.output_item.added": SessionReader._added,
    "response.done": SessionReader._done,
    "error": SessionReader._error,
}
