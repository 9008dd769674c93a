"""Synthetic text of an exact (estimated) length.

Each kind of text has a stock of ready pieces, made once per process from the vocabulary, the same in every
process, each with its cost in tokens. A text is an opening, pieces, and a closing picked for exactly the tokens
that are left: no text is ever measured or cut while a run is on, so that a prompt costs microseconds. Long texts
take whole blocks of pieces. What makes a text unlike all others is the number in its first words; caches that
compare prefixes find nothing in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count, takewhile
from typing import Final

from llmload.draws import Draws
from llmload.workload.tokens import estimate_tokens
from llmload.workload.vocabulary import COMMENTS, FUNCTIONS, INSTRUCTIONS, SENTENCES, SHORT, WORDS

__all__ = ["KINDS", "compose", "stock"]

KINDS: Final = ("prose", "technical", "conversation", "python", "javascript")

_NUMBERED: Final = ("Case", "Item", "Note", "Order", "Task", "Ticket")
_NUMBERED_COST: Final = 5
"""Tokens of "Case 123456789: "."""
_NUMBERED_FROM: Final = 8
_NUMBERS: Final = 900_000_000
_FIRST_NUMBER: Final = 100_000_000
_STRIDE: Final = 433_494_437
"""Has no factor in common with ``_NUMBERS``, so successive ordinals give different numbers, far apart."""

_STOCK_SEED: Final = 0x6C6C6D6C6F6164
_FILLINGS: Final = 32
"""Pieces made from one frame."""
_BLOCKS: Final = 64
"""Blocks of each size."""
_BLOCK_SIZES: Final = (512, 64)
_MARKS: Final = {"python": "\n# ", "javascript": "\n// "}
"""What begins a line of comment."""

_Priced = tuple[tuple[str, int], ...]
_ByCost = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Stock:
    """Ready pieces of one kind of text. Pieces, blocks and closings begin with what joins them to the text before.

    ``wholes`` (texts by themselves) and ``closings``: by cost, none missing from the smallest to the largest.
    ``blocks``: for each of some sizes in tokens, from the largest to the smallest, runs of pieces not above it.
    """

    wholes: _ByCost
    openings: _Priced
    blocks: tuple[tuple[int, _Priced], ...]
    pieces: _Priced
    closings: _ByCost
    least: int
    most: int
    """Tokens of the shortest and the longest closing."""


class _Slots(dict[str, str]):
    """Fills the slots of a frame, each with a word of its own."""

    def __init__(self, draws: Draws) -> None:
        super().__init__()
        self._draws = draws

    def __missing__(self, slot: str) -> str:
        return self._draws.pick(WORDS[slot])


def compose(kind: str, tokens: int, draws: Draws, ordinal: int) -> str:
    """Text of ``kind`` that is estimated at exactly ``tokens`` (at least 1) tokens.

    Texts of 8 tokens or more begin with a number that no other ``ordinal`` (below 900 million) has.
    """
    ready = stock(kind)
    left = max(1, tokens)
    parts = []
    if left >= _NUMBERED_FROM:
        number = _FIRST_NUMBER + ordinal * _STRIDE % _NUMBERS
        parts.append(f"{_NUMBERED[number % len(_NUMBERED)]} {number}: ")
        left -= _NUMBERED_COST
    if left in ready.wholes:
        parts.append(draws.pick(ready.wholes[left]))
    else:
        _fill(parts, left, ready, draws)
    return "".join(parts)


def _fill(parts: list[str], left: int, ready: Stock, draws: Draws) -> None:
    """Append an opening, blocks, pieces and a closing of ``left`` tokens in all."""
    least, most = ready.least, ready.most
    text, cost = draws.pick(ready.openings)
    if left - cost < least:
        cost = min(max(ready.wholes), left - least)
        text = draws.pick(ready.wholes[cost])
    parts.append(text)
    left -= cost
    for size, blocks in ready.blocks:
        while left >= size + least:
            text, cost = draws.pick(blocks)
            parts.append(text)
            left -= cost
    while left > most:
        text, cost = draws.pick(ready.pieces)
        if left - cost < least:
            cost = min(most, left - least)
            text = draws.pick(ready.closings[cost])
        parts.append(text)
        left -= cost
    parts.append(draws.pick(ready.closings[left]))


@cache
def stock(kind: str) -> Stock:
    """The stock of ``kind``, one of ``KINDS``; made at the first call (some milliseconds)."""
    draws = Draws(_STOCK_SEED, KINDS.index(kind))
    if kind in SENTENCES:
        openings = _priced(_make(SENTENCES[kind], draws))
        pieces = _priced(" " + sentence for sentence, _ in openings)
        closings = _by_cost(pieces, _priced(" " + text for text in SHORT))
    else:
        openings = _priced(_make(INSTRUCTIONS[kind], draws))
        pieces = _priced("\n\n" + function for function in _make(FUNCTIONS[kind], draws))
        closings = _by_cost(_priced(_MARKS[kind] + comment for comment in _make(COMMENTS, draws)))
    wholes = _by_cost(openings, _priced(SHORT))
    blocks = tuple((size, _runs(pieces, size, draws)) for size in _BLOCK_SIZES)
    return Stock(wholes, openings, blocks, pieces, closings, min(closings), max(closings))


def _make(frames: tuple[str, ...], draws: Draws) -> tuple[str, ...]:
    """Fillings of ``frames``, each frame as often as the others; none twice."""
    filled = (frame % _Slots(draws) for frame in frames for _ in range(_FILLINGS))
    return tuple(dict.fromkeys(filled))


def _priced(texts: Iterable[str]) -> _Priced:
    return tuple((text, estimate_tokens(text)) for text in texts)


def _by_cost(texts: _Priced, instead: _Priced = ()) -> _ByCost:
    """``texts`` by cost, from the smallest up to where one is missing; ``instead`` where ``texts`` have none."""
    found: dict[int, list[str]] = {}
    for source in (texts, instead):
        taken = frozenset(found)
        for text, cost in source:
            if cost not in taken:
                found.setdefault(cost, []).append(text)
    least = min(found)
    return {cost: tuple(found[cost]) for cost in takewhile(found.__contains__, count(least))}


def _runs(pieces: _Priced, size: int, draws: Draws) -> _Priced:
    """Runs of as many pieces as fit into ``size`` tokens."""
    return tuple(_run(pieces, size, draws) for _ in range(_BLOCKS))


def _run(pieces: _Priced, size: int, draws: Draws) -> tuple[str, int]:
    texts, total = [], 0
    text, cost = draws.pick(pieces)
    while total + cost <= size:
        texts.append(text)
        total += cost
        text, cost = draws.pick(pieces)
    return "".join(texts), total
