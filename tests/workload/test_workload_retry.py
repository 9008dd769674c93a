"""The decision whether a failed call is tried again, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.records import Outcome
from llmload.workload.retry import RetryPolicy, wait

ON = frozenset({Outcome.HTTP_429, Outcome.CONNECT_ERROR})
policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 20),
    on=st.just(ON),
    first=st.floats(0.001, 100),
    factor=st.floats(1, 10),
    most=st.floats(0.001, 1000),
    jitter=st.sampled_from(["full", "equal", "none"]),
    honour_retry_after=st.booleans(),
    budget=st.none() | st.floats(0, 1),
)
draws = st.floats(0, 1, exclude_max=True)


@given(policies, st.sampled_from(Outcome), st.integers(1, 25), st.floats(0, 1e5), draws, st.integers(1, 10**6))
def test_a_wait_is_within_the_policy_and_only_for_what_it_names(
    policy: RetryPolicy, outcome: Outcome, attempt: int, asked: float, draw: float, calls: int
) -> None:
    found = wait(policy, outcome, attempt, asked, draw, calls, 0)
    may = attempt < policy.attempts and outcome in ON and (policy.budget is None or policy.budget * calls >= 1)
    assert (found is not None) == may
    if found is not None:
        honoured = asked if policy.honour_retry_after else 0.0
        assert honoured <= found <= max(policy.most, honoured)
        assert found <= max(policy.first * policy.factor ** (attempt - 1), honoured)


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 1))
def test_no_order_of_failures_gets_more_than_the_budget(failures: list[bool], budget: float) -> None:
    policy, further = RetryPolicy(attempts=20, on=ON, budget=budget), 0
    for calls, failed in enumerate(failures, 1):
        if failed and wait(policy, Outcome.HTTP_429, 1, 0, 0.5, calls, further) is not None:
            further += 1
        assert further <= budget * calls


@given(policies, st.integers(1, 19), draws)
def test_waits_grow_with_the_attempts(policy: RetryPolicy, attempt: int, draw: float) -> None:
    first = wait(policy, Outcome.HTTP_429, attempt, 0, draw, 10**9, 0)
    second = wait(policy, Outcome.HTTP_429, attempt + 1, 0, draw, 10**9, 0)
    assert first is None or second is None or first <= second


@pytest.mark.parametrize(("jitter", "low", "high"), [("full", 0.0, 4.0), ("equal", 2.0, 4.0), ("none", 4.0, 4.0)])
def test_jitter_says_which_part_of_a_wait_is_drawn(jitter: str, low: float, high: float) -> None:
    policy = RetryPolicy(attempts=9, on=ON, first=1.0, jitter=jitter)  # type: ignore[arg-type]
    assert wait(policy, Outcome.HTTP_429, 3, 0, 0.0, 1, 0) == low
    assert wait(policy, Outcome.HTTP_429, 3, 0, 0.999999999, 1, 0) == pytest.approx(high)
