"""Random numbers by counting: the draws for item k depend on (seed, k, stream) alone, not on what was
drawn before, so that any worker can make item k, in any order, and get the same.

The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014), its state for an item made by mixing seed, item and stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

__all__ = ["Draws", "mix", "permuted", "unit"]

T = TypeVar("T")

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_STREAM: Final = 0xD1342543DE82EF95
"""Far from every small multiple of ``_GOLDEN``, so that the streams of an item don't run into each other."""
_TO_UNIT: Final = 2.0**-53


def _scramble(z: int) -> int:
    """SplitMix64's output function: every bit of the result depends on every bit of ``z`` (64 bits)."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return z ^ (z >> 31)


def mix(seed: int, index: int, stream: int = 0) -> int:
    """64 random bits for (seed, index, stream): the first draw of those."""
    return Draws(seed, index, stream).bits()


def unit(seed: int, index: int, stream: int = 0) -> float:
    """A number from 0 (included) to 1 (excluded) for (seed, index, stream)."""
    return Draws(seed, index, stream).unit()


_ROUNDS: Final = 4
"""Of a Feistel network; four make it hard to tell from a random permutation (Luby and Rackoff, 1988)."""


def permuted(seed: int, place: int, count: int) -> int:
    """Where ``place`` of ``count`` places goes in the permutation that ``seed`` gives: each comes once, none is kept.

    A Feistel network permutes a power of four that is at least ``count``; who falls out of ``count`` goes on through it
    until he is back in (cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002).
    """
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    while True:
        left, right = place >> half, place & low
        for turn in range(_ROUNDS):
            left, right = right, left ^ (mix(seed, right, turn) & low)
        place = left << half | right
        if place < count:
            return place


class Draws:
    """As many draws as wanted for one item. ``seed`` and ``index`` are any whole numbers, ``stream`` a small one."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, index: int, stream: int = 0) -> None:
        self._state = _scramble((seed + index * _GOLDEN) & _MASK) + stream * _STREAM

    def bits(self) -> int:
        """64 random bits."""
        self._state = state = (self._state + _GOLDEN) & _MASK
        return _scramble(state)

    def unit(self) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        return (self.bits() >> 11) * _TO_UNIT

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1; the bias is below bound / 2**64."""
        return self.bits() * bound >> 64

    def pick(self, items: Sequence[T]) -> T:
        """One of ``items``; ``bits`` written out, since most draws of a run are made here."""
        self._state = z = (self._state + _GOLDEN) & _MASK
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
        return items[(z ^ (z >> 31)) * len(items) >> 64]
