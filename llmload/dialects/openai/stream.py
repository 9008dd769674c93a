"""Chat and completions as server-sent events."""

from __future__ import annotations

from typing import Any, Final

from llmload.dialects.error_body import reported_error
from llmload.dialects.event_stream import EventStream
from llmload.dialects.openai import fields
from llmload.dialects.pieces import Piece
from llmload.records import Answer

__all__ = ["StreamReader"]

_FAILED_FINISH: Final = frozenset({"error", "abort"})
"""Finish reasons with which servers give up on an answer."""


class StreamReader(EventStream):
    """Fills an Answer from chunks of choices."""

    __slots__ = ()

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer, _FAILED_FINISH)

    def _chunk(self, document: dict[str, Any], t: int) -> None:
        answer = self._answer
        fields.note_model(document, answer)
        error = reported_error(document)
        if error is not None:
            self._intake.fail(error)
        choices = fields.choices_of(document)
        usage = fields.usage_of(document, choices)
        if usage is not None and (answer.usage is None or usage.input or usage.output):
            answer.usage = usage
        some = False
        for choice in choices:
            index, reason = fields.index_of(choice), fields.finish_reason(choice)
            some |= self._intake.choice(index, fields.pieces(choice), reason, t)
        if some:
            self._stamps.append(t)

    @staticmethod
    def _single(document: Any) -> Piece | None:
        choices = fields.choices_of(document)
        if len(choices) != 1 or fields.finish_reason(choices[0]) is not None:
            return None
        if fields.usage_of(document, choices) is not None or reported_error(document) is not None:
            return None
        found = fields.pieces(choices[0])
        return found[0] if len(found) == 1 else None
