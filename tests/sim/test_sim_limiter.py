from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.clock import NS
from llmload.sim.formats.parts import openai_limits
from llmload.sim.limiter import Bucket


def test_a_burst_passes_then_one_per_interval():
    bucket = Bucket(10, 3)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.1)]
    assert bucket.take(NS // 10) == 0
    assert bucket.take(NS // 10) == pytest.approx(0.1)


def test_without_a_burst_one_seconds_worth_may_come_at_once():
    bucket = Bucket(2.5, 0)
    assert [bucket.take(0) > 0 for _ in range(4)] == [False, False, False, True]
    assert Bucket(0.1, 0).take(0) == 0


@given(st.lists(st.integers(0, NS), max_size=200), st.integers(1, 20), st.integers(1, 5))
def test_no_more_than_the_burst_and_the_rate_ever_pass(gaps: list[int], rate: int, burst: int):
    bucket, t, passed = Bucket(rate, burst), 0, 0
    for gap in gaps:
        t += gap
        passed += bucket.take(t) == 0
    assert passed <= burst + t / NS * rate + 1e-6


def test_the_headers_tell_the_state():
    bucket = Bucket(2, 4)
    bucket.take(0)
    assert dict(openai_limits(bucket.state())) == {
        "x-ratelimit-limit-requests": "4",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "500ms",
    }
