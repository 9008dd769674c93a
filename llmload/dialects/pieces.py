"""What the content of an answer is made of, in whatever dialect it comes."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["Kind", "Piece"]


class Kind:
    """What a piece of content is: plain strings, because members of an Enum are slow to reach."""

    TEXT: Final = "text"
    REASONING: Final = "reasoning"
    REFUSAL: Final = "refusal"
    TOOL_CALL: Final = "tool call"


class Piece(NamedTuple):
    """A non-empty string of content; ``field`` is the JSON name it stood under, ``call`` the index of its tool call."""

    kind: str
    field: str
    text: str
    call: int = -1
