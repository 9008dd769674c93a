from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.draws import Draws
from llmload.workload.prompts import Prompt, expected_prompt_tokens, prompt
from llmload.workload.spec import Lengths, Prefix, PromptSpec, Repeat
from llmload.workload.tokens import estimate_tokens

SIZES = Lengths("uniform", low=60, high=120)


def made(spec: PromptSpec, count: int = 1000, seed: int = 5) -> list[Prompt]:
    return [prompt(spec, Draws(7, k), k, seed=seed) for k in range(count)]


@settings(max_examples=15, deadline=None)
@given(share=st.floats(0, 1), pool=st.integers(1, 50))
def test_the_wished_share_of_prompts_comes_again(share: float, pool: int) -> None:
    spec = PromptSpec(tokens=SIZES, repeat=Repeat(share, pool))
    texts = Counter(each.text for each in made(spec, 600))
    known = {each.text for each in made(PromptSpec(tokens=SIZES, repeat=Repeat(1.0, pool)))}
    assert len(known) <= pool
    again = sum(count for text, count in texts.items() if text in known)
    assert again == pytest.approx(600 * share, abs=75)
    assert all(count == 1 for text, count in texts.items() if text not in known)


def test_what_comes_again_depends_on_the_seed_of_the_prompts_alone() -> None:
    spec = PromptSpec(tokens=SIZES, repeat=Repeat(1.0, 3))
    assert {each.text for each in made(spec, 50)} == {each.text for each in made(spec, 90)}
    assert not {each.text for each in made(spec, 50)} & {each.text for each in made(spec, 50, seed=6)}


def test_similar_prompts_share_their_beginning_and_have_the_same_length() -> None:
    spec = PromptSpec(style="prose", tokens=Lengths("fixed", low=200), repeat=Repeat(1.0, 1, similarity=0.8))
    prompts = made(spec, 40)
    assert len({each.text for each in prompts}) == 40
    first, second = prompts[0].text, prompts[1].text
    shared = first[: next(n for n, pair in enumerate(zip(first, second, strict=False)) if len(set(pair)) > 1)]
    assert all(each.text.startswith(shared[:-20]) for each in prompts)
    assert estimate_tokens(shared) == pytest.approx(160, abs=12)
    for each in prompts:
        assert each.tokens == estimate_tokens(each.text) == pytest.approx(200, abs=2)


def test_prompts_begin_alike_down_to_the_level_they_reach() -> None:
    levels = (Prefix(300, share=0.8), Prefix(100, pool=4, share=0.5))
    spec = PromptSpec(tokens=SIZES, prefix=levels)
    prompts = made(spec, 800)
    roots = Counter(each.text[:200] for each in prompts).most_common(1)
    assert roots[0][1] == pytest.approx(640, abs=50)
    root = roots[0][0]
    branches = Counter(each.text[1100:1500] for each in prompts if each.text.startswith(root))
    assert sum(count for _, count in branches.most_common(4)) == pytest.approx(320, abs=60)
    for each in prompts:
        assert each.tokens == pytest.approx(estimate_tokens(each.text), abs=2)
    mean = sum(each.tokens for each in prompts) / len(prompts)
    assert expected_prompt_tokens(spec) == pytest.approx(mean, rel=0.05)


def test_cache_busting_leaves_no_two_prompts_with_one_beginning() -> None:
    for spec in (
        PromptSpec("text", text="What is machine learning?", cache_bust=True),
        PromptSpec(tokens=SIZES, repeat=Repeat(1.0, 2), prefix=(Prefix(50),), cache_bust=True),
    ):
        prompts = made(spec, 500)
        assert len({each.text[:12] for each in prompts}) == 500
        for each in prompts:
            assert each.tokens == pytest.approx(estimate_tokens(each.text), abs=2)
