"""What prompts have in common: repeated ones, shared beginnings, and numbers in front that make them differ.

Caches of servers work by the beginning of a prompt, so that is what is shared. What is shared depends on the seed of
the prompts and its place in the pool alone, so that all workers repeat the same.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from llmload.draws import Draws, mix
from llmload.workload import lengths
from llmload.workload.counters import Counter, counter_of
from llmload.workload.exact import exact_ids, exact_text
from llmload.workload.spec import Lengths, Prefix, PromptSpec, TokenizerSpec
from llmload.workload.text import compose

__all__ = ["beginning", "expected_beginning", "new_number", "of_blocks", "repeated"]

_POOL: Final = 0x706F6F6C
_TREE: Final = 0x74726565
_BLOCKS: Final = 0x626C6F636B
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


def of_blocks(
    spec: PromptSpec, kinds: tuple[str, ...], tokens: int, draws: Draws, seed: int, tokenizer: TokenizerSpec
) -> tuple[str, int, tuple[int, ...]]:
    """A prompt of ``tokens`` tokens that begins with the blocks of ``spec``: text and its tokens, or ids in its place.

    The last block ends with the prompt; what no block covers is new. Blocks are priced apart: where a vocabulary merges
    across their seams, a prompt is off by a token for each.
    """
    parts: list[_Block] = []
    left = tokens
    for number in spec.blocks:
        parts.append(_block(number, min(left, spec.block), kinds, seed, spec.as_tokens, tokenizer))
        left -= parts[-1].tokens
        if left <= 0:
            break
    if left > 0:
        parts.append(_block(draws.bits(), left, kinds, seed, spec.as_tokens, tokenizer))
    ids = tuple(chain.from_iterable(part.ids for part in parts))
    return "".join(part.text for part in parts), sum(part.tokens for part in parts), ids


class _Block(NamedTuple):
    """A stretch of a prompt; ``ids`` in place of ``text`` where it is sent as numbers."""

    text: str
    tokens: int
    ids: tuple[int, ...]


@lru_cache(maxsize=4096)
def _block(
    number: int, tokens: int, kinds: tuple[str, ...], seed: int, as_tokens: bool, tokenizer: TokenizerSpec
) -> _Block:
    """The block of that number, cut to ``tokens`` tokens; it begins like no other."""
    draws = Draws(mix(seed ^ _BLOCKS, number), 0)
    kind, ordinal, counter = draws.pick(kinds), draws.below(10**8), counter_of(tokenizer)
    if as_tokens:
        return _Block("", tokens, exact_ids(kind, tokens, draws, ordinal, counter))
    seam = counter.count(_JOIN)
    if tokens <= seam:
        return _Block(*made(kind, tokens, draws, ordinal, counter), ())
    text, have = made(kind, tokens - seam, draws, ordinal, counter)
    return _Block(text + _JOIN, have + seam, ())


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
