"""Taking a read of a stream for what it is, one content chunk, without decoding it again.

Theory of operation. A dialect's reader has learned a Template (see ``llmload.dialects.template``): the bytes before and
after the one JSON string in which its events differ. Servers write one such event per HTTP chunk and one chunk per
write, so nearly every read is

    size line + template's head + string + template's tail + CRLF

and nothing else. A read that has all of these, whose size line states exactly its own size, and whose string was
accepted by a JSON parser once before, is taken: its time stamp is all it leaves behind. Where the decoders of framing
and events both stand between two units before the read, they stand there after it; so they need not see it. Whatever
differs in a single byte goes through the decoders as ever.

Reads that hold several such chunks are cut at the tails and each is looked at alike.

The tests of all this are three removals and a look-up, over memory shared by all streams but for the head: with a
thousand streams open, what is slow is not the work but fetching the objects it is done on.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import Final

import orjson

from llmload.dialects.template import Template

__all__ = ["LONGEST", "WORDS", "Shortcut", "is_word", "shortcut"]

LONGEST: Final = 4096
"""Bytes; reads as long as this or longer are decoded as ever."""
_WORDS_MOST: Final = 1 << 16
_WORD_LONGEST: Final = 64
_CRLF: Final = b"\r\n"

WORDS: Final[set[bytes]] = set()
"""The contents of JSON strings seen so far: tokens repeat, so few are parsed twice."""


def _size_lines(digits: str) -> list[bytes]:
    """By the length of a whole chunk (size line, payload, CRLF): the size line it must begin with."""
    lines = [b"\0"] * LONGEST
    for size in range(1, LONGEST):
        line = b"%s\r\n" % format(size, digits).encode()
        if len(line) + size + 2 < LONGEST:
            lines[len(line) + size + 2] = line
    return lines


_LOWER: Final = _size_lines("x")
_UPPER: Final = _size_lines("X")


def is_word(word: bytes) -> bool:
    """Whether ``word`` between quotes is a JSON string that is not empty; remembered where it is."""
    if not word:
        return False
    try:
        orjson.loads(b'"%s"' % word)
    except orjson.JSONDecodeError:
        return False
    if len(WORDS) < _WORDS_MOST and len(word) <= _WORD_LONGEST:
        WORDS.add(word)
    return True


class Shortcut:
    """What a read must look like to be taken: ``lines[its size]``, ``head``, a word, ``tail``; ``frame`` is the length
    of all but the word. ``room``: bytes that may still be taken; ``stamps``: where their times go.
    """

    __slots__ = ("_first", "_had", "_overhead", "frame", "head", "lines", "room", "stamps", "tail")

    def __init__(self, lines: list[bytes], line: int, template: Template, stamps: array[int], room: int) -> None:
        self.head = template[0]
        self.tail = _ended(template[1])
        self.lines = lines
        self.frame = line + len(self.head) + len(self.tail)
        self.stamps = stamps
        self.room = self._had = room
        self._first = len(stamps)
        self._overhead = line + len(_CRLF)

    def several(self, data: bytes, stamp: int) -> bytes:
        """Take the events that ``data`` begins with; what is left of it.

        A tail ends with line ends, which no JSON string holds, so cutting at tails never cuts a word.
        """
        pieces = data.split(self.tail)
        rest = pieces.pop()
        for number, piece in enumerate(pieces):
            size = len(piece) + len(self.tail)
            word = piece.removeprefix(self.lines[size]).removeprefix(self.head) if size < LONGEST else b""
            if len(word) + self.frame != size or size > self.room or not (word in WORDS or is_word(word)):
                return self.tail.join([*pieces[number:], rest])
            self.room -= size
            self.stamps.append(stamp)
        return rest

    def taken(self) -> tuple[int, int]:
        """Events taken, and how many bytes of payload they were."""
        events = len(self.stamps) - self._first
        return events, self._had - self.room - events * self._overhead


@lru_cache(maxsize=256)
def _ended(tail: bytes) -> bytes:
    """``tail`` with the end of its chunk: one object for all streams where the tails are equal."""
    return tail + _CRLF


def shortcut(read: bytes, template: Template, stamps: array[int], room: int) -> Shortcut | None:
    """A Shortcut for reads that are framed as ``read`` is; None where that is not one chunk in the usual way."""
    if len(read) >= LONGEST:
        return None
    for lines in (_LOWER, _UPPER):
        if read.startswith(lines[len(read)]):
            return Shortcut(lines, len(lines[len(read)]), template, stamps, room)
    return None
