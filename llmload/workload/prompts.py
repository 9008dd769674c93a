"""The text of a call: what a PromptSpec asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from llmload.draws import Draws
from llmload.workload import lengths
from llmload.workload.spec import PromptSpec
from llmload.workload.text import KINDS, compose, stock
from llmload.workload.tokens import estimate_tokens

__all__ = ["STYLES", "expected_prompt_tokens", "prepare", "prompt", "tokens_of"]

STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "prose": ("prose",),
    "code": ("python", "javascript"),
    "technical": ("technical",),
    "conversation": ("conversation",),
    "mixed": KINDS,
}
"""The kinds of text that each style takes in turn at random."""


def prompt(spec: PromptSpec, draws: Draws, ordinal: int) -> tuple[str, int]:
    """A text and its estimated tokens; synthetic texts of different ``ordinal`` differ."""
    if spec.kind == "synthetic":
        wished = max(1, lengths.draw(spec.tokens, draws))
        kinds = STYLES[spec.style]
        kind = kinds[0] if len(kinds) == 1 else draws.pick(kinds)
        return compose(kind, wished, draws, ordinal), wished
    text = spec.text if spec.kind == "text" else draws.pick(spec.entries)
    return text, tokens_of(text)


def prepare(spec: PromptSpec) -> None:
    """Do beforehand what would hold up the first call; ValueError for a spec that gives no text."""
    if spec.kind == "file" and not spec.entries:
        raise ValueError("a prompt file needs at least one entry")
    if spec.kind == "synthetic":
        lengths.check(spec.tokens)
        for kind in STYLES[spec.style]:
            stock(kind)


def expected_prompt_tokens(spec: PromptSpec) -> float:
    """Estimated tokens of a prompt, on average, without the system prompt."""
    if spec.kind == "synthetic":
        return max(1.0, lengths.mean(spec.tokens))
    texts = (spec.text,) if spec.kind == "text" else spec.entries
    return sum(map(tokens_of, texts)) / max(1, len(texts))


@lru_cache(maxsize=4096)
def tokens_of(text: str) -> int:
    """``estimate_tokens``, remembered: the same system prompts and file entries come again and again."""
    return estimate_tokens(text)
