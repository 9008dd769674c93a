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
from llmload.workload.counters import Counter, counter_of
from llmload.workload.spec import ESTIMATE, TokenizerSpec
from llmload.workload.vocabulary import COMMENTS, FUNCTIONS, INSTRUCTIONS, SENTENCES, SHORT, WORDS

__all__ = ["KINDS", "compose", "stock"]

KINDS: Final = ("prose", "technical", "conversation", "python", "javascript")

_NUMBERED: Final = ("Case", "Item", "Note", "Order", "Task", "Ticket")
_NUMBERED_COST: Final = 5
"""Tokens of "Case 123456789: ", estimated."""
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

_BY_ESTIMATE: Final = counter_of(ESTIMATE)

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

    @property
    def complete(self) -> bool:
        """Whether there is something for every rest that a text may be left with."""
        shortest, longest = min(self.wholes), max(self.wholes)
        return longest + 1 >= self.least + shortest and self.most + 1 >= 2 * self.least


class _Slots(dict[str, str]):
    """Fills the slots of a frame, each with a word of its own."""

    def __init__(self, draws: Draws) -> None:
        super().__init__()
        self._draws = draws

    def __missing__(self, slot: str) -> str:
        return self._draws.pick(WORDS[slot])


def compose(kind: str, tokens: int, draws: Draws, ordinal: int, counter: Counter = _BY_ESTIMATE) -> str:
    """Text of ``kind`` whose parts come to exactly ``tokens`` (at least 1) tokens, as ``counter`` counts them.

    Estimated tokens add up; with a vocabulary the text may be a few tokens more or less than its parts. Texts of 8
    tokens or more begin with a number that no other ``ordinal`` (below 900 million) has.
    """
    ready = stock(kind, counter.spec)
    if not ready.complete:
        ready = stock(kind)
    left = max(1, tokens)
    parts = []
    if left >= _NUMBERED_FROM:
        number = _FIRST_NUMBER + ordinal * _STRIDE % _NUMBERS
        head = f"{_NUMBERED[number % len(_NUMBERED)]} {number}:"
        parts.append(head + " ")
        left = max(1, left - (counter.count(head) if counter.exact else _NUMBERED_COST))
    if left in ready.wholes:
        parts.append(draws.pick(ready.wholes[left]))
    elif left < min(ready.wholes):
        parts.append(draws.pick(ready.wholes[min(ready.wholes)]))
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
def stock(kind: str, tokenizer: TokenizerSpec = ESTIMATE) -> Stock:
    """The stock of ``kind``, one of ``KINDS``, priced by ``tokenizer``; made at the first call (some milliseconds, with
    a vocabulary some tens of them)."""
    draws = Draws(_STOCK_SEED, KINDS.index(kind))
    price = _Prices(counter_of(tokenizer))
    if kind in SENTENCES:
        sentences = _make(SENTENCES[kind], draws)
        openings = price.openings(sentences)
        pieces = price(" " + sentence for sentence in sentences)
        closings = _by_cost(pieces, price(" " + text for text in SHORT))
    else:
        openings = price.openings(_make(INSTRUCTIONS[kind], draws))
        pieces = price("\n\n" + function for function in _make(FUNCTIONS[kind], draws))
        closings = _by_cost(price(_MARKS[kind] + comment for comment in _make(COMMENTS, draws)))
    wholes = _by_cost(openings, price.openings(SHORT))
    runs = [(size, _runs(pieces, size, draws, price)) for size in _BLOCK_SIZES]
    blocks = tuple((max(size, *(cost for _, cost in made)), made) for size, made in runs)
    return Stock(wholes, openings, blocks, pieces, closings, min(closings), max(closings))


class _Prices:
    """What texts cost where they will stand: vocabularies count a text differently at its beginning and inside."""

    def __init__(self, counter: Counter) -> None:
        self._count = counter.count
        self._exact = counter.exact

    def __call__(self, texts: Iterable[str]) -> _Priced:
        """Of texts that stand behind a sentence."""
        return tuple((text, self.behind("Do it.", text)) for text in texts)

    def openings(self, texts: Iterable[str]) -> _Priced:
        """Of texts that stand behind the number."""
        return tuple((text, self.behind("Case 1:", f" {text}") if self._exact else self._count(text)) for text in texts)

    def behind(self, before: str, text: str) -> int:
        """What ``text`` adds to ``before``."""
        return self._count(before + text) - self._count(before) if self._exact else self._count(text)


def _make(frames: tuple[str, ...], draws: Draws) -> tuple[str, ...]:
    """Fillings of ``frames``, each frame as often as the others; none twice."""
    filled = (frame % _Slots(draws) for frame in frames for _ in range(_FILLINGS))
    return tuple(dict.fromkeys(filled))


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


def _runs(pieces: _Priced, size: int, draws: Draws, price: _Prices) -> _Priced:
    """Runs of as many pieces as fit into ``size`` tokens, priced whole."""
    return price(_run(pieces, size, draws) for _ in range(_BLOCKS))


def _run(pieces: _Priced, size: int, draws: Draws) -> str:
    texts, total = [], 0
    text, cost = draws.pick(pieces)
    while total + cost <= size:
        texts.append(text)
        total += cost
        text, cost = draws.pick(pieces)
    return "".join(texts)
