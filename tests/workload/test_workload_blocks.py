"""Prompts of a trace that begin alike, block by block."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest
from vocabularies import MADE
from vocabularies import made as vocabulary

from llmload.data.traces import Trace, open_trace
from llmload.draws import Draws
from llmload.records import Api
from llmload.workload.counters import counter_of
from llmload.workload.prompts import prompt
from llmload.workload.spec import ESTIMATE, Lengths, PromptSpec, RequestClass, TokenizerSpec
from llmload.workload.workload import Workload

BLOCK = 512


def of(blocks: tuple[int, ...], tokens: int, **fields: object) -> PromptSpec:
    spec = PromptSpec(tokens=Lengths("fixed", low=tokens), blocks=blocks, block=BLOCK)
    return replace(spec, **fields)  # type: ignore[arg-type]


def text(blocks: tuple[int, ...], tokens: int, ordinal: int = 1, tokenizer: TokenizerSpec = ESTIMATE) -> str:
    return prompt(of(blocks, tokens), Draws(1, ordinal), ordinal, tokenizer, seed=7).text


def alike(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def test_prompts_begin_alike_as_far_as_their_blocks_do() -> None:
    one, other = text((1, 2, 3), 1400), text((1, 2, 4), 1500, 9)
    shared = alike(one, other)
    begun = text((1, 2), 1024)
    assert one.startswith(begun)
    assert other.startswith(begun)
    assert len(begun) <= shared < len(begun) + 12
    assert alike(text((5,), 512), text((6,), 512)) < 12


def test_what_no_block_covers_is_new() -> None:
    assert text((1,), 600, 1)[: len(text((1,), 512))] == text((1,), 512)
    assert text((1,), 600, 1) != text((1,), 600, 2)
    assert text((1, 2), 600, 1) == text((1, 2), 600, 2)
    assert text((1, 2, 3), 600, 1) == text((1, 2), 600, 2)  # blocks beyond the end


@pytest.mark.parametrize("tokens", [1, 2, 5, 511, 512, 513, 5000])
def test_prompts_have_their_tokens(tokens: int) -> None:
    made = prompt(of((3, 1, 4, 1), tokens), Draws(1, 1), 1, ESTIMATE, seed=7)
    assert made.tokens == tokens


@pytest.mark.parametrize("name", sorted(MADE))
def test_by_a_vocabulary_to_a_token_a_block(name: str, tmp_path: Path) -> None:
    vocabulary(name).save(str(tmp_path / "tokenizer.json"))
    tokenizer = TokenizerSpec("file", str(tmp_path / "tokenizer.json"))
    made = prompt(of((3, 1, 4), 1500), Draws(1, 1), 1, tokenizer, seed=7)
    assert made.tokens == 1500
    assert abs(counter_of(tokenizer).count(made.text) - 1500) <= 3
    numbers = prompt(of((3, 1, 4), 1500, as_tokens=True), Draws(1, 1), 1, tokenizer, seed=7)
    again = prompt(of((3, 1, 9), 1400, as_tokens=True), Draws(1, 1), 2, tokenizer, seed=7)
    assert len(numbers.ids) == 1500
    assert numbers.ids[:1024] == again.ids[:1024]


def rows(count: int) -> list[tuple[int, list[int]]]:
    """(tokens, blocks) of prompts that share a system prompt, documents, and turns of conversations."""
    random.seed(3)
    talks: list[list[int]] = []
    made = []
    for number in range(count):
        if talks and random.random() < 0.5:
            talk = random.choice(talks)
        else:
            talk = [0, random.randrange(1, 4)]
            talks.append(talk)
        talk.append(1000 + number)
        made.append((len(talk) * BLOCK - random.randrange(BLOCK - 1), list(talk)))
    return made


def written(path: Path, made: list[tuple[int, list[int]]]) -> Path:
    lines = (
        json.dumps({"timestamp": at * 1000, "input_length": tokens, "output_length": 4, "hash_ids": blocks})
        for at, (tokens, blocks) in enumerate(made)
    )
    path.write_text("\n".join(lines))
    return path


def trace_of(directory: Path, count: int) -> Trace:
    return open_trace(written(directory / "trace.jsonl", rows(count)), "mooncake")


def test_calls_of_a_trace_share_what_their_rows_do(tmp_path: Path) -> None:
    trace = trace_of(tmp_path, 30)
    cls = RequestClass("chat", 1.0, Api.CHAT, ("main",), "m", input_from=trace)
    made = Workload((cls,), 1, 2)
    first = [made.call(index).messages[0].content for index in range(30)]
    assert all(said[:1500] == first[0][:1500] for said in first)
    again = Workload((cls,), 1, 2).call(30 + 4)
    assert again.messages[0].content[:100] != first[4][:100], "another lap is new to a cache"
    assert again.input_tokens == made.call(4).input_tokens
    apart = replace(cls, input_from=replace(trace, block=0))
    alone = [Workload((apart,), 1, 2).call(index).messages[0].content[:30] for index in range(30)]
    assert len(set(alone)) == 30
