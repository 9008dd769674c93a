"""One row of a data set, whatever file it came from: what was asked, and what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from llmload.records import Message

__all__ = ["Entry", "Turn", "entry_of"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Turn(NamedTuple):
    """What the user's side says (with a system message before, tool results between), and the answer on record."""

    messages: tuple[Message, ...]
    answer: Message | None = None


class Entry(NamedTuple):
    """A conversation of one turn or several. ``max_tokens`` and ``params`` (more of the body): as recorded."""

    turns: tuple[Turn, ...]
    max_tokens: int | None = None
    params: Mapping[str, Any] = _NOTHING

    @property
    def messages(self) -> tuple[Message, ...]:
        """The last turn with all that went before, recorded answers included: one request."""
        said: list[Message] = []
        for number, turn in enumerate(self.turns, 1):
            said += turn.messages
            if turn.answer is not None and number < len(self.turns):
                said.append(turn.answer)
        return tuple(said)

    @property
    def text(self) -> str:
        """The same without roles."""
        return "\n\n".join(message.content for message in self.messages if message.content)


def entry_of(messages: Iterable[Message]) -> Entry | None:
    """Cut into turns: each ends with an answer. What is answered before anything is asked is left out; None where
    nothing is asked."""
    turns: list[Turn] = []
    said: list[Message] = []
    for message in messages:
        if message.role != "assistant":
            said.append(message)
        elif any(each.role in ("user", "tool") for each in said):
            turns.append(Turn(tuple(said), message))
            said = []
        elif turns:  # a second answer to the same question belongs to what is said next
            said.append(message)
    if any(each.role in ("user", "tool") for each in said):
        turns.append(Turn(tuple(said)))
    return Entry(tuple(turns)) if turns else None
