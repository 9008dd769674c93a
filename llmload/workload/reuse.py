"""What prompts have in common: repeated ones, shared beginnings, and numbers in front that make them differ.

Caches of servers work by the beginning of a prompt, so that is what is shared. What is shared depends on the seed of
the prompts and its place in the pool alone, so that all workers repeat the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from llmload.draws import Draws, mix
from llmload.workload import lengths
from llmload.workload.counters import Counter, counter_of
from llmload.workload.exact import exact_text
from llmload.workload.spec import Lengths, Prefix, PromptSpec, TokenizerSpec
from llmload.workload.text import compose

__all__ = ["beginning", "expected_beginning", "new_number", "repeated"]

_POOL: Final = 0x706F6F6C
_TREE: Final = 0x74726565
_JOIN: Final = "\n\n"
_HEX_DIGITS: Final = 12


def made(kind: str, tokens: int, draws: Draws, ordinal: int, counter: Counter) -> tuple[str, int]:
    """A text of ``kind``, and its tokens: exactly ``tokens`` by a vocabulary or by the estimate."""
    if counter.exact:
        return exact_text(kind, tokens, draws, ordinal, counter)
    return compose(kind, tokens, draws, ordinal), tokens


def repeated(
    spec: PromptSpec, kinds: tuple[str, ...], draws: Draws, seed: int, tokenizer: TokenizerSpec
) -> tuple[str, int] | None:
    """One of the prompts that come again, or None where this one is new."""
    repeat = spec.repeat
    if repeat is None or draws.unit() >= repeat.share:
        return None
    place = draws.below(repeat.pool)
    kind, text, tokens = _of_pool(spec.tokens, kinds, seed, place, tokenizer)
    if repeat.similarity >= 1.0:
        return text, tokens
    counter = counter_of(tokenizer)
    kept = text[: round(len(text) * repeat.similarity)].rpartition(" ")[0]
    rest = tokens - counter.count(kept) if kept else tokens
    if rest <= 0:
        return text, tokens
    new, _ = made(kind, rest, draws, draws.below(10**8), counter)
    varied = f"{kept} {new}" if kept else new
    return varied, counter.count(varied)


@lru_cache(maxsize=8192)
def _of_pool(
    sizes: Lengths, kinds: tuple[str, ...], seed: int, place: int, tokenizer: TokenizerSpec
) -> tuple[str, str, int]:
    """Kind, text and tokens of a prompt of the pool."""
    draws = Draws(mix(seed, place, 1) ^ _POOL, place)
    tokens = max(1, lengths.draw(sizes, draws))
    kind = draws.pick(kinds)
    return kind, *made(kind, tokens, draws, place, counter_of(tokenizer))


def beginning(
    levels: tuple[Prefix, ...], kind: str, draws: Draws, seed: int, tokenizer: TokenizerSpec
) -> tuple[str, int]:
    """What a prompt begins with, down to the level that it reaches, and its tokens; "" if it shares nothing."""
    path: tuple[int, ...] = ()
    for level in levels:
        if draws.unit() >= level.share:
            break
        path = (*path, draws.below(level.pool))
    return _branch(levels, path, kind, seed, tokenizer) if path else ("", 0)


@lru_cache(maxsize=8192)
def _branch(
    levels: tuple[Prefix, ...], path: tuple[int, ...], kind: str, seed: int, tokenizer: TokenizerSpec
) -> tuple[str, int]:
    """The texts of a way down the tree, one behind the other."""
    before, _ = _branch(levels, path[:-1], kind, seed, tokenizer) if path[1:] else ("", 0)
    number = seed ^ _TREE
    for place in path:
        number = mix(number, place)
    counter = counter_of(tokenizer)
    text, _ = made(kind, levels[len(path) - 1].tokens, Draws(number, 0), number % 10**8, counter)
    whole = before + text + _JOIN
    return whole, counter.count(whole)


def expected_beginning(levels: tuple[Prefix, ...]) -> float:
    """Tokens that shared beginnings add to a prompt, on average."""
    total, share = 0.0, 1.0
    for level in levels:
        share *= level.share
        total += share * level.tokens
    return total


def new_number(draws: Draws) -> str:
    """What no other prompt begins with."""
    return f"{draws.bits():016x}"[:_HEX_DIGITS] + " "
