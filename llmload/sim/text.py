"""The words the simulated model says, and how to tell whose they are.

Token ``k`` of choice ``c`` of the answer to request ``id`` is ``word.TAG.c.k`` and a space, where TAG is the
``tag`` of the id (the ``x-request-id`` of the request, or of the response if the request had none). So every chunk
says which stream it belongs to and where in it: lost, doubled, reordered and foreign text all show.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

__all__ = ["Arguments", "Voice", "draw", "integrity_problem", "tag"]

_WORDS: Final = re.findall(
    r"\w+",
    "amber anchor autumn basin beacon birch breeze bridge canyon cedar cinder cloud copper coral crest delta "
    "drift dune ember falcon fern field flint forest garnet glacier granite grove harbor hazel heron hollow "
    "island ivory jasper juniper lagoon lantern ledge linen maple marble meadow mesa mist moss orchard pebble "
    "pine prairie quartz raven reef ridge river saffron shore slate spruce summit thicket tundra valley willow",
)
_TOKEN: Final = re.compile(r"[a-z]+\.([0-9a-f]{8})\.(\d+)\.(\d+)")


def tag(request_id: str) -> str:
    """Eight hex digits that stand for a request in the text of its answer."""
    return hashlib.blake2s(request_id.encode(), digest_size=4).hexdigest()


def draw(*key: object) -> float:
    """A number in [0, 1) that depends on ``key`` alone: the same draw whoever makes it, in any order."""
    digest = hashlib.blake2b("\0".join(map(str, key)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


class Voice:
    """The text of one choice of one answer, token by token."""

    __slots__ = ("_offset", "_tail")

    def __init__(self, tagged: str, choice: int) -> None:
        self._offset = int(tagged, 16) + 7 * choice
        self._tail = f".{tagged}.{choice}."

    def token(self, k: int) -> str:
        """Token ``k``, counted from 0; plain letters, digits, dots and a space: nothing JSON would escape."""
        return f"{_WORDS[(self._offset + 13 * k) % len(_WORDS)]}{self._tail}{k} "

    def text(self, length: int) -> str:
        """The first ``length`` tokens."""
        return "".join(map(self.token, range(length)))


class Arguments(Voice):
    """The text of an answer that calls a tool, as its arguments: JSON with that text as its only field, ``length``
    tokens of it."""

    __slots__ = ("_last",)

    def __init__(self, tagged: str, choice: int, length: int) -> None:
        super().__init__(tagged, choice)
        self._last = length - 1

    def token(self, k: int) -> str:
        """Token ``k``; the first and the last have the JSON around them."""
        return ('{"text": "' if k == 0 else "") + super().token(k) + ('"}' if k == self._last else "")


def integrity_problem(text: str, tagged: str, choice: int = 0) -> str:
    """What is wrong with the text of one choice, in words; empty if it is whole so far."""
    for k, word in enumerate(text.split()):
        match = _TOKEN.fullmatch(word)
        if match is None:
            return f"token {k} is not one of ours: {word[:40]!r}"
        if match[1] != tagged:
            return f"token {k} belongs to another request ({match[1]}, not {tagged})"
        if (int(match[2]), int(match[3])) != (choice, k):
            return f"in place of token {k} of choice {choice} came token {match[3]} of choice {match[2]}"
    return ""
