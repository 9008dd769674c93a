"""The text of a call: what a PromptSpec asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from llmload.data.dataset import data_set
from llmload.draws import Draws
from llmload.workload import lengths
from llmload.workload.counters import counter_of, tokens_of
from llmload.workload.datasets import entry_for, expected_entry_tokens
from llmload.workload.exact import exact_ids, exact_text, ready
from llmload.workload.reuse import beginning, expected_beginning, new_number, of_blocks, repeated
from llmload.workload.spec import ESTIMATE, PromptSpec, TokenizerSpec
from llmload.workload.text import KINDS, compose

__all__ = ["STYLES", "Prompt", "expected_prompt_tokens", "kind_of", "prepare", "prompt"]

STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "prose": ("prose",),
    "code": ("python", "javascript"),
    "technical": ("technical",),
    "conversation": ("conversation",),
    "mixed": KINDS,
}
"""The kinds of text that each style takes in turn at random."""


class Prompt(NamedTuple):
    """A text and its tokens; ``ids`` in place of the text where it is sent as numbers."""

    text: str
    tokens: int
    ids: tuple[int, ...] = ()


def prompt(spec: PromptSpec, draws: Draws, ordinal: int, tokenizer: TokenizerSpec = ESTIMATE, seed: int = 0) -> Prompt:
    """A prompt; synthetic texts of different ``ordinal`` differ, what is shared depends on ``seed``."""
    made = _own(spec, draws, ordinal, tokenizer, seed)
    if not spec.prefix and not spec.cache_bust:
        return made
    before, tokens = beginning(spec.prefix, STYLES[spec.style][0], draws, seed, tokenizer)
    if spec.cache_bust:
        number = new_number(draws)
        before, tokens = number + before, tokens + counter_of(tokenizer).count(number)
    return Prompt(before + made.text, tokens + made.tokens)


def _own(spec: PromptSpec, draws: Draws, ordinal: int, tokenizer: TokenizerSpec, seed: int) -> Prompt:
    if spec.kind == "synthetic":
        return _synthetic(spec, draws, ordinal, tokenizer, seed)
    return _given(_found(spec, draws, ordinal, seed), spec.as_tokens, tokenizer)


def _found(spec: PromptSpec, draws: Draws, ordinal: int, seed: int) -> str:
    if spec.data is not None:
        return entry_for(spec, seed, ordinal).text
    return spec.text if spec.kind == "text" else draws.pick(spec.entries)


def _synthetic(spec: PromptSpec, draws: Draws, ordinal: int, tokenizer: TokenizerSpec, seed: int) -> Prompt:
    kinds = STYLES[spec.style]
    if again := repeated(spec, kinds, draws, seed, tokenizer):
        return Prompt(*again)
    wished = max(1, lengths.draw(spec.tokens, draws))
    if spec.blocks:
        return Prompt(*of_blocks(spec, kinds, wished, draws, seed, tokenizer))
    kind = kinds[0] if len(kinds) == 1 else draws.pick(kinds)
    counter = counter_of(tokenizer)
    if spec.as_tokens:
        return Prompt("", wished, exact_ids(kind, wished, draws, ordinal, counter))
    if counter.exact:
        return Prompt(*exact_text(kind, wished, draws, ordinal, counter))
    by_estimate = max(1, round(wished / dict(spec.scale).get(kind, 1.0))) if spec.scale else wished
    text = compose(kind, by_estimate, draws, ordinal)
    if spec.fitted is None:
        return Prompt(text, wished)
    return Prompt(*(spec.fitted.texts.get(text) or draws.pick(spec.fitted.pool)))


def kind_of(spec: PromptSpec, draws: Draws) -> str:
    """Of which kind the made-up prompt is that these draws give."""
    kinds = STYLES[spec.style]
    if len(kinds) == 1:
        return kinds[0]
    lengths.draw(spec.tokens, draws)
    return draws.pick(kinds)


def _given(text: str, as_tokens: bool, tokenizer: TokenizerSpec) -> Prompt:
    encode = counter_of(tokenizer).encode if as_tokens else None
    if encode is None:
        return Prompt(text, tokens_of(text, tokenizer))
    ids = tuple(encode(text))
    return Prompt("", len(ids), ids)


def prepare(spec: PromptSpec, tokenizer: TokenizerSpec = ESTIMATE) -> None:
    """Do beforehand what would hold up the first call; ValueError for a spec that gives no text."""
    if spec.data is not None:
        data_set(spec.data)
    if spec.kind == "file" and not spec.entries:
        raise ValueError("a prompt file needs at least one entry")
    if spec.as_tokens and not counter_of(tokenizer).exact:
        raise ValueError("a prompt can be sent as token ids only with the tokenizer of its target")
    if spec.kind == "synthetic":
        lengths.check(spec.tokens)
        for kind in STYLES[spec.style]:
            ready(kind, tokenizer)


def expected_prompt_tokens(spec: PromptSpec, tokenizer: TokenizerSpec = ESTIMATE) -> float:
    """Tokens of a prompt, on average, without the system prompt."""
    before = expected_beginning(spec.prefix)
    if spec.kind == "synthetic":
        return before + max(1.0, lengths.mean(spec.tokens))
    if spec.data is not None:
        return before + expected_entry_tokens(spec, tokenizer)
    texts = (spec.text,) if spec.kind == "text" else spec.entries
    return before + sum(tokens_of(text, tokenizer) for text in texts) / max(1, len(texts))
