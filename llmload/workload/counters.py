"""Counting tokens: with a model's own vocabulary where the scenario names one, by estimate elsewhere.

The libraries are extras, imported when a vocabulary is opened and not before. No vocabulary is ever fetched from the
network: a run must not depend on a download, nor tell anyone that it happens.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from llmload.workload.spec import TokenizerSpec
from llmload.workload.tokens import estimate_tokens

__all__ = ["ENCODINGS", "Counter", "counter_of", "tokens_of"]

_TIKTOKEN_URL: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
ENCODINGS: Final[Mapping[str, str]] = {
    "o200k_base": "o200k_base",
    "o200k_harmony": "o200k_base",
    "cl100k_base": "cl100k_base",
    "p50k_base": "p50k_base",
    "p50k_edit": "p50k_base",
    "r50k_base": "r50k_base",
}
"""tiktoken's encodings -> the vocabulary file that each is made of."""


@dataclass(frozen=True, slots=True, eq=False)
class Counter:
    """One way of counting. ``encode`` gives the ids of a text's tokens, without any that a model adds by itself
    (beginning, end, chat template); None where tokens are only estimated."""

    spec: TokenizerSpec
    count: Callable[[str], int]
    encode: Callable[[str], list[int]] | None = None

    @property
    def exact(self) -> bool:
        """Whether ``count`` is what the vocabulary says."""
        return self.encode is not None


@cache
def counter_of(spec: TokenizerSpec) -> Counter:
    """The counter of ``spec``, opened once per process (some milliseconds to a second).

    ValueError says what is missing: the extra, the file, the vocabulary.
    """
    return _OPEN[spec.kind](spec)


@lru_cache(maxsize=4096)
def tokens_of(text: str, spec: TokenizerSpec) -> int:
    """Tokens of ``text``, remembered: the same system prompts and file entries come again and again."""
    return counter_of(spec).count(text)


def _estimate(spec: TokenizerSpec) -> Counter:
    return Counter(spec, estimate_tokens)


def _server(spec: TokenizerSpec) -> Counter:
    """What the target said of texts before the run; nobody asks it during one."""
    known = spec.known
    return Counter(spec, lambda text: known[text] if text in known else estimate_tokens(text))


def _file(spec: TokenizerSpec) -> Counter:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ValueError(
            'counting with a file needs the extra "tokenizers": pip install "llmload[tokenizers]"'
        ) from None
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        tokenizer = Tokenizer.from_file(spec.name)
    except Exception as error:  # whatever its Rust side raises
        raise ValueError(f"is no tokenizer.json that can be read: {str(error)[:200]}") from None
    # A file may say that texts are cut or filled up to one length, which is for models and not for counting.
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return Counter(spec, lambda text: len(encode(text)), encode)


def _tiktoken(spec: TokenizerSpec) -> Counter:
    try:
        import tiktoken
    except ImportError:
        raise ValueError('counting with tiktoken needs an extra: pip install "llmload[tiktoken]"') from None
    if not (_cache() / hashlib.sha1(_TIKTOKEN_URL.format(ENCODINGS[spec.name]).encode()).hexdigest()).is_file():  # noqa: S324
        raise ValueError(
            f"the vocabulary {spec.name} is not on this machine, and llmload fetches none: get it once with "
            f"python3 -c 'import tiktoken; tiktoken.get_encoding(\"{spec.name}\")', or name its directory in "
            "TIKTOKEN_CACHE_DIR"
        )
    encode = tiktoken.get_encoding(spec.name).encode_ordinary
    return Counter(spec, lambda text: len(encode(text)), encode)


def _cache() -> Path:
    """Where tiktoken keeps vocabularies."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    return Path(named) if named else Path(tempfile.gettempdir()) / "data-gym-cache"


_OPEN: Final[Mapping[str, Callable[[TokenizerSpec], Counter]]] = {
    "estimate": _estimate,
    "file": _file,
    "tiktoken": _tiktoken,
    "server": _server,
}
