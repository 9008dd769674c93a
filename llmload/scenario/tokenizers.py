"""``[targets.NAME] tokenizer``: vocabularies found and opened while the scenario is compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from llmload.errors import Problem
from llmload.records import Api
from llmload.scenario.document import Document
from llmload.scenario.mix import PromptTable
from llmload.scenario.model import Scenario
from llmload.scenario.subject import targets_of
from llmload.scenario.targets import TokenizerTable
from llmload.workload.counters import counter_of
from llmload.workload.spec import TokenizerSpec

__all__ = ["Tokenizers", "open_tokenizers"]

Tokenizers = dict[str, TokenizerSpec]
"""Target -> how its prompts are counted."""

_AS_TOKENS = frozenset({Api.COMPLETIONS, Api.EMBEDDINGS})
_IN_IDS = frozenset({"openai", "azure-openai"})
"""Dialects whose requests can be asked in token ids."""


def open_tokenizers(scenario: Scenario, document: Document, directory: Path) -> tuple[Tokenizers, list[Problem]]:
    """The tokenizer of every target, each opened to see that it can be, and what is wrong with them."""
    found: Tokenizers = {}
    problems = []
    for name, target in scenario.targets.items():
        table, key = target.tokenizer, "tiktoken" if target.tokenizer.tiktoken else "file"
        try:
            found[name] = _spec(table, target.model or "", directory)
            counter_of(found[name])
        except OSError as error:
            reason = f"can't be read: {error.strerror or error}"
            problems.append(document.problem(("targets", name, "tokenizer", key), reason))
        except ValueError as error:
            problems.append(document.problem(("targets", name, "tokenizer", key), str(error)))
    if not problems:
        problems = list(_unfit(scenario, document, found))
    return found, problems


def _spec(table: TokenizerTable, model: str, directory: Path) -> TokenizerSpec:
    if table.file is not None:
        path = directory / Path(table.file).expanduser()
        return TokenizerSpec("file", str(path), hashlib.sha256(path.read_bytes()).hexdigest(), table.overhead)
    if table.tiktoken is not None:
        return TokenizerSpec("tiktoken", table.tiktoken, overhead=table.overhead)
    if table.server:
        return TokenizerSpec("server", model, overhead=table.overhead, prompts=table.prompts)
    return TokenizerSpec(overhead=table.overhead, learn=table.learn)


def _unfit(scenario: Scenario, document: Document, found: Tokenizers) -> Iterator[Problem]:
    """A class has one prompt, counted in one way."""
    for name, cls in scenario.classes.items():
        own = {found[target] for target in targets_of(cls, scenario) if target in found}
        if len(own) > 1:
            what, hint = "its targets have different tokenizers", "make one class per target"
            yield document.problem(("classes", name), what, hint)
        if any(spec.kind == "server" for spec in own):
            yield from _uncounted(name, cls.prompt, document)
        if cls.prompt.sent_as == "text":
            continue
        path = ("classes", name, "prompt", "as")
        if cls.api not in _AS_TOKENS:
            hint = f'its api is "{cls.api}"'
            yield document.problem(path, "only completions and embeddings can be asked in token ids", hint)
        elif cls.prompt.system:
            yield document.problem(path, "a system prompt can't be put before token ids", "leave one of them out")
        elif foreign := {scenario.targets[target].dialect for target in targets_of(cls, scenario)} - _IN_IDS:
            yield document.problem(path, f"dialect {min(foreign)} has no token ids", "leave as out: text is sent")
        elif any(spec.kind in ("estimate", "server") for spec in own):
            hint = 'give the target one, as in tokenizer = { file = "tokenizer.json" }'
            yield document.problem(path, "without a tokenizer there are no token ids", hint)


def _uncounted(name: str, prompt: PromptTable, document: Document) -> Iterator[Problem]:
    """A target counts whole prompts before the run; those that are put together during it are never seen by it."""
    for key in ("repeat", "prefix", "cache_bust"):
        if getattr(prompt, key):
            what = "prompts that are put together during the run can't be counted by the server before it"
            hint = (
                'give the target a vocabulary in place of server = true, as in tokenizer = { file = "tokenizer.json" }'
            )
            yield document.problem(("classes", name, "prompt", key), what, hint)
