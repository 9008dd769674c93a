"""A trace's shared prefixes meet the prompt cache of a target."""

from __future__ import annotations

import json
import random
from itertools import takewhile
from pathlib import Path

import pytest
from virtual_run import plan_of, run_plan

BLOCK = 512
SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
stream = true
[load.trace]
file = "{file}"
format = "mooncake"
jitter = "0s"
[sim]
prompt_cache = 10_000_000
"""


def rows(count: int) -> list[tuple[int, list[int]]]:
    """(tokens, blocks) of prompts that share a system prompt, documents, and turns of conversations."""
    draw = random.Random(3)
    talks: list[list[int]] = []
    made = []
    for number in range(count):
        if talks and draw.random() < 0.6:
            talk = draw.choice(talks)
        else:
            talk = [0, draw.randrange(1, 4)]
            talks.append(talk)
        talk.append(1000 + number)
        # The last block ends with its prompt: what goes on from there is another block.
        made.append((len(talk) * BLOCK + draw.randrange(1, BLOCK), [*talk, 5000 + number]))
    return made


def hits(made: list[tuple[int, list[int]]]) -> float:
    """Share of the tokens that a cache without bounds has seen, by the blocks of the trace."""
    known: set[int] = set()
    found = 0
    for tokens, blocks in made:
        found += min(tokens, BLOCK * sum(1 for _ in takewhile(known.__contains__, blocks)))
        known |= set(blocks)
    return found / sum(tokens for tokens, _ in made)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_prompt_cache_hits_as_often_as_the_trace_says(tmp_path: Path, shards: int) -> None:
    made = rows(80)
    lines = (
        json.dumps({"timestamp": at * 3000, "input_length": tokens, "output_length": 4, "hash_ids": blocks})
        for at, (tokens, blocks) in enumerate(made)
    )
    (tmp_path / "trace.jsonl").write_text("\n".join(lines))
    scenario = SCENARIO.format(file=tmp_path / "trace.jsonl")
    usages = [record.answer.usage for record in run_plan(plan_of(scenario), shards).records]
    assert len(usages) == 80
    cached = sum(usage.cached or 0 for usage in usages if usage)
    asked = sum(usage.input or 0 for usage in usages if usage)
    assert 0.4 < hits(made) < 0.9
    assert cached / asked == pytest.approx(hits(made), abs=0.02)
    apart = run_plan(plan_of(scenario, "load.trace.prefixes=false"), shards).records
    assert sum((record.answer.usage.cached or 0) for record in apart if record.answer.usage) == 0
