"""A message as server-sent events.

``message_start`` counts the prompt, ``content_block_start`` and ``_delta`` carry content, ``message_delta`` counts the
answer and says why it ended, ``message_stop`` is the end mark, which without a reason is no
proof of anything; ``ping`` and what is unknown say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from llmload.dialects.anthropic.fields import block_pieces, counts_of, delta_piece, stop_reason, usage_of
from llmload.dialects.error_body import reported_error
from llmload.dialects.event_stream import EventStream
from llmload.dialects.openai.fields import index_of, note_model
from llmload.dialects.pieces import Piece
from llmload.records import Answer

__all__ = ["MessageStream"]

_DELTA: Final = "content_block_delta"
_PROMPT: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""What is counted when a message begins; the count of the answer is a place holder then."""


class MessageStream(EventStream):
    """Fills an Answer from the events of one message."""

    __slots__ = ("_counts",)

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self._counts: dict[str, int] = {}

    def _chunk(self, document: dict[str, Any], t: int) -> None:
        kind = document.get("type")
        take = _TAKES.get(kind) if isinstance(kind, str) else None
        if take is not None:
            take(self, document, t)
        elif (error := reported_error(document)) is not None:
            self._intake.fail(error)

    @staticmethod
    def _single(document: Any) -> Piece | None:
        if document.get("type") != _DELTA:
            return None
        return delta_piece(document.get("delta"), index_of(document))

    def _content(self, found: list[Piece], t: int) -> None:
        if self._intake.choice(0, found, None, t):
            self._stamps.append(t)

    def _count(self, counts: Mapping[str, int]) -> None:
        """Counts only ever grow; a zero where another event said more is none."""
        for name, count in counts.items():
            self._counts[name] = max(count, self._counts.get(name, 0))
        self._answer.usage = usage_of(self._counts)

    # Events.

    def _begin(self, document: dict[str, Any], t: int) -> None:
        message = document.get("message")
        if isinstance(message, dict):
            note_model(message, self._answer)
            self._count(counts_of(message.get("usage"), *_PROMPT))

    def _block(self, document: dict[str, Any], t: int) -> None:
        self._content(block_pieces(document.get("content_block"), index_of(document)), t)

    def _delta(self, document: dict[str, Any], t: int) -> None:
        piece = self._single(document)
        self._content([piece] if piece else [], t)

    def _end(self, document: dict[str, Any], t: int) -> None:
        self._count(counts_of(document.get("usage")))
        self._intake.choice(0, (), stop_reason(document.get("delta")), t)

    def _stop(self, document: dict[str, Any], t: int) -> None:
        self._answer.ended = True


_TAKES: Final[Mapping[str, Callable[[MessageStream, dict[str, Any], int], None]]] = {
    "message_start": MessageStream._begin,
    "content_block_start": MessageStream._block,
    _DELTA: MessageStream._delta,
    "message_delta": MessageStream._end,
    "message_stop": MessageStream._stop,
}
"""By the type of an event; errors are those of every dialect."""
