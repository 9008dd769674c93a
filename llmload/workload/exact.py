"""Texts and token ids of exactly so many tokens, by a model's own vocabulary.

Vocabularies merge across the seams of a text, so that parts don't always add up. A text is composed of parts priced
with the vocabulary, counted whole, and mended at its end: words taken off, or words of one token put on, until it is
right. Counting costs 15 to 140 microseconds per 100 tokens. Where a sample of texts shows that the parts of a kind do
add up (vocabularies that cut at spaces), long texts are not counted again.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from llmload.draws import Draws
from llmload.workload.counters import Counter, counter_of
from llmload.workload.spec import TokenizerSpec
from llmload.workload.text import KINDS, compose, stock

__all__ = ["FILLERS", "exact_ids", "exact_text", "ready"]

_ROUNDS: Final = 12
"""Most times that a text is mended."""
_LONG: Final = 512
"""Tokens beyond which a text is not counted again if its kind adds up."""
_SAMPLE: Final = 32
_SAMPLE_SEED: Final = 0x73616D706C65
_SEEN: Final = 160
"""Characters at the end of a text that are looked at to mend it: merges reach a word or two."""
FILLERS: Final = (
    " the", " and", " is", " in", " it", " of", " to", " a", " so", " on", " x", ".", "!", "-", "a", "x", "e", "\n",
)  # fmt: skip


def exact_text(kind: str, tokens: int, draws: Draws, ordinal: int, counter: Counter) -> tuple[str, int]:
    """A text of ``kind`` and its tokens: exactly ``tokens`` wherever the vocabulary can say that."""
    text = compose(kind, tokens, draws, ordinal, counter)
    if tokens > _LONG and _adds_up(kind, counter.spec):
        return text, tokens
    have = counter.count(text)
    for _ in range(_ROUNDS):
        if have == tokens:
            break
        text = _shortened(text, have - tokens, counter) if have > tokens else _lengthened(text, tokens - have, counter)
        have = counter.count(text)
    return text, have


def exact_ids(kind: str, tokens: int, draws: Draws, ordinal: int, counter: Counter) -> tuple[int, ...]:
    """Exactly ``tokens`` ids of a text of ``kind``."""
    assert counter.encode is not None
    ids: list[int] = []
    wished = tokens
    while len(ids) < tokens:
        ids += counter.encode(compose(kind, wished, draws, ordinal, counter))
        wished = max(8, tokens - len(ids))
    return tuple(ids[:tokens])


def ready(kind: str, spec: TokenizerSpec) -> None:
    """Do beforehand what would hold up the first call."""
    if not counter_of(spec).exact:
        stock(kind)
        return
    stock(kind, spec)
    _adds_up(kind, spec)
    _filler(spec)


@cache
def _adds_up(kind: str, spec: TokenizerSpec) -> bool:
    """Whether texts of this kind have as many tokens as their parts, in a sample of them."""
    counter = counter_of(spec)
    if not stock(kind, spec).complete:
        return False
    sample = range(_SAMPLE)
    texts = (compose(kind, _LONG + 7 * k, Draws(_SAMPLE_SEED + KINDS.index(kind), k), k, counter) for k in sample)
    return all(counter.count(text) == _LONG + 7 * k for k, text in zip(sample, texts, strict=True))


@cache
def _filler(spec: TokenizerSpec) -> str:
    """What adds one token each time it is put behind a text."""
    count = counter_of(spec).count
    text = "Say what it is"
    have = count(text)
    return next((filler for filler in FILLERS if count(text + filler * 5) == have + 5), FILLERS[0])


def _lengthened(text: str, lacking: int, counter: Counter) -> str:
    return text + _filler(counter.spec) * lacking if text else _filler(counter.spec).strip() or "x"


def _shortened(text: str, over: int, counter: Counter) -> str:
    """``text`` without words at its end that make up at least ``over`` tokens."""
    kept, seen = text, max(_SEEN, 16 * over)
    end = text[-seen:]
    enough = counter.count(end) - over
    while kept and counter.count(end) > enough:
        cut = max(end.rfind(" "), end.rfind("\n"))
        cut = cut if cut > 0 else len(end) - 1
        kept, end = kept[: len(kept) - len(end) + cut], end[:cut]
        if not end:
            break
    return kept or text[:1]
