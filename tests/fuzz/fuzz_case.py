"""What fuzzing is made of: cases, ways to cut them into reads, ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

__all__ = ["Case", "Fuzz", "bytewise", "cut", "small_reads", "spoil"]


@dataclass(frozen=True)
class Case:
    """Bytes, and where reads end within them. ``odd``: a number for whatever else a target wants to vary."""

    data: bytes
    cuts: tuple[int, ...] = ()
    odd: int = 0

    @property
    def reads(self) -> list[bytes]:
        ends = [0, *sorted({at for at in self.cuts if 0 < at < len(self.data)}), len(self.data)]
        return [self.data[start:end] for start, end in pairwise(ends)]


@dataclass(frozen=True)
class Fuzz:
    """One thing under fuzz: ``make`` builds well-formed bytes, ``check`` raises where a property doesn't hold.

    ``words`` are what its format is made of; ``share`` of all cases go to it; ``seams``: where reads like to end;
    ``calm``: the share of cases that are left as they were made.
    """

    name: str
    make: Callable[[Random], bytes]
    check: Callable[[Case], None]
    words: Sequence[bytes]
    share: int = 1
    seams: tuple[bytes, ...] = (b"\n\n",)
    calm: float = 0.3

    def case(self, random: Random, kept: Sequence[bytes]) -> Case:
        """The next case: made or kept, spoilt more often than not, cut somehow."""
        data = random.choice(kept) if kept and random.random() < 0.2 else self.make(random)
        if random.random() >= self.calm:
            for _ in range(random.choice((1, 1, 1, 2, 3))):
                data = spoil(random, data, self.words)
        return Case(data, cut(random, data, self.seams), random.getrandbits(16))


def bytewise(data: bytes) -> list[bytes]:
    """One byte to a read: no shortcut for whole units can be taken."""
    return [data[at : at + 1] for at in range(len(data))]


_SMALL = (1, 13, 7, 13, 5, 11, 3, 13)


def small_reads(case: Case) -> tuple[list[bytes], bool]:
    """Reads too small for any quick way through a stream; and whether they are single bytes (exact, and slow)."""
    size = _SMALL[case.odd % len(_SMALL)]
    return [case.data[at : at + size] for at in range(0, len(case.data), size)], size == 1


def cut(random: Random, data: bytes, seams: tuple[bytes, ...]) -> tuple[int, ...]:
    """Reads as they come: at the seams of the format, in equal parts, or anywhere; never in one case only."""
    style = random.choice((0, 1, 2, 2, 2, 3))
    if style == 0 or not data:
        return ()
    if style == 1:
        size = random.randint(1, len(data))
        return tuple(range(size, len(data), size))
    found = _after(data, random.choice(seams))
    if style == 2:
        return found
    return (*found[:: random.randint(1, 3)], *(random.randint(0, len(data)) for _ in range(random.randint(1, 6))))


def _after(data: bytes, seam: bytes) -> tuple[int, ...]:
    found = []
    at = data.find(seam)
    while at >= 0:
        found.append(at + len(seam))
        at = data.find(seam, at + len(seam))
    return tuple(found)


def spoil(random: Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """``data`` with one thing wrong."""
    start = random.randint(0, len(data))
    end = min(len(data), start + random.choice((0, 1, 1, 2, 5, 20, 100)))
    return random.choice(_SPOILERS)(random, data, start, end, words)


_Spoiler = Callable[[Random, bytes, int, int, Sequence[bytes]], bytes]


def _drop(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    return data[:start] + data[end:]


def _end(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    return data[:start]


def _repeat(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    return data[:end] + data[start:end] * random.choice((1, 2, 9)) + data[end:]


def _move(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    rest = data[:start] + data[end:]
    at = random.randint(0, len(rest))
    return rest[:at] + data[start:end] + rest[at:]


def _flip(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    flipped = bytes([data[start] ^ (1 << random.randrange(8))]) if start < len(data) else b""
    return data[:start] + flipped + data[start + 1 :]


def _word(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    return data[:start] + random.choice(words) + data[start:]


def _replace(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    """A word of the format for another of it."""
    old = random.choice(words)
    at = data.find(old) if old else -1
    return (
        _word(random, data, start, end, words) if at < 0 else data[:at] + random.choice(words) + data[at + len(old) :]
    )


def _noise(random: Random, data: bytes, start: int, end: int, words: Sequence[bytes]) -> bytes:
    return data[:start] + random.randbytes(random.randint(1, 4)) + data[end:]


_SPOILERS: tuple[_Spoiler, ...] = (_drop, _end, _repeat, _move, _flip, _word, _word, _replace, _replace, _noise)
