from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.records import Api
from llmload.workload.learning import Correction
from llmload.workload.spec import Lengths, PromptSpec, RequestClass, TokenizerSpec
from llmload.workload.tokens import estimate_tokens
from llmload.workload.workload import Workload


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10**9)), max_size=50))
def test_factors_are_bounded_whatever_a_server_says(calls: list[tuple[int, int]]) -> None:
    correction = Correction()
    for estimated, reported in calls:
        correction.add("prose", estimated, reported)
    assert all(0.25 <= factor <= 4 for _, factor in correction.factors)


@given(st.floats(0.3, 3.5), st.integers(50, 5000))
def test_a_factor_is_what_was_reported_for_what_was_estimated(factor: float, tokens: int) -> None:
    correction = Correction()
    for _ in range(20):
        correction.add("prose", tokens, round(tokens * factor))
    assert dict(correction.factors).get("prose", 1.0) == pytest.approx(factor, abs=0.5 / tokens + 0.003)


def workload(learn: bool, style: str = "mixed") -> Workload:
    prompt = PromptSpec(style=style, tokens=Lengths("fixed", low=500))  # type: ignore[arg-type]
    tokenizer = TokenizerSpec(learn=learn)
    return Workload([RequestClass("a", 1.0, Api.CHAT, ("main",), "m", prompt=prompt, tokenizer=tokenizer)], 1, 2)


def test_prompts_become_as_long_as_the_server_counts_them() -> None:
    made = workload(learn=True)
    assert made.learns
    lengths = []
    for k in range(300):
        call = made.call(k)
        counted = len(call.messages[0].content) // 3
        made.learn(call, counted)
        lengths.append(counted)
        assert call.input_tokens == 500
    assert abs(sum(lengths[:20]) / 20 - 500) > 25
    assert sum(lengths[100:]) / 200 == pytest.approx(500, rel=0.01)


def test_nothing_is_learned_unless_it_was_asked_for() -> None:
    made = workload(learn=False)
    assert not made.learns
    before = made.call(7)
    made.learn(before, 5000)
    assert made.call(7) == before
    assert estimate_tokens(before.messages[0].content) == 500
