"""Putting what the parts of a stream hold into an Answer, in whatever framing and dialect they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmload.dialects.kept import KeptText
from llmload.dialects.pieces import Kind, Piece
from llmload.records import Answer

__all__ = ["Intake"]

_MOST: Final = 1024
"""Choices and tool calls told apart in one stream."""


class Intake:
    """``answer.finish`` is set once every choice that produced anything has its finish reason.

    ``failed``: finish reasons with which servers give up on an answer.
    """

    __slots__ = ("_calls", "_failed", "_finished", "_produced", "answer", "kept")

    def __init__(self, answer: Answer, failed: frozenset[str] = frozenset()) -> None:
        self.answer = answer
        self.kept = KeptText.of(answer)
        self._failed = failed
        self._produced: set[int] = set()
        self._finished: set[int] = set()
        self._calls: set[tuple[int, int]] = set()

    def choice(self, index: int, found: Sequence[Piece], reason: str | None, t: int) -> bool:
        """Take what came of one choice; whether there was content. The caller stamps it."""
        if found and len(self._produced) < _MOST:
            self._produced.add(index)
        for piece in found:
            self._piece(piece, index, t)
        if reason is not None:
            self._finish(index, reason)
        if self._finished and not self._finished >= self._produced:
            self.answer.finish = None
        return bool(found)

    def fail(self, error: str) -> None:
        """The first error is the cause; what follows it is not kept."""
        if self.answer.error is None:
            self.answer.error = error

    def _piece(self, piece: Piece, index: int, t: int) -> None:
        answer = self.answer
        if piece.kind is not Kind.REASONING and not answer.first_output:
            answer.first_output = t
        if piece.kind is Kind.TOOL_CALL and len(self._calls) < _MOST:
            self._calls.add((index, piece.call))
            answer.tool_calls = len(self._calls)
        if piece.kind is Kind.TEXT and self.kept is not None:
            self.kept.add(piece.text)

    def _finish(self, index: int, reason: str) -> None:
        if len(self._finished) < _MOST:
            self._finished.add(index)
        self.answer.choices_finished = len(self._finished)
        if self._finished >= self._produced:
            self.answer.finish = reason
        if reason in self._failed:
            self.fail(f"the answer ended with finish reason {reason!r}")
