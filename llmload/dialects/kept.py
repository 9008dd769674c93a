"""The text of an answer, kept for integrity checks when asked for; in bounded memory."""

from __future__ import annotations

from typing import Final

from llmload.records import Answer

__all__ = ["TEXT_LIMIT", "KeptText"]

TEXT_LIMIT: Final = 1 << 20
"""Most characters kept of one answer."""


class KeptText:
    """Appends to ``answer.text`` until it is full, then lets go of the rest."""

    __slots__ = ("_pieces", "_room")

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces
        self._room = TEXT_LIMIT

    @classmethod
    def of(cls, answer: Answer) -> KeptText | None:
        """None where nobody asked for the text."""
        return None if answer.text is None else cls(answer.text)

    def add(self, piece: str) -> None:
        """Keep ``piece``, or what there is room for."""
        if self._room:
            piece = piece[: self._room]
            self._pieces.append(piece)
            self._room -= len(piece)
