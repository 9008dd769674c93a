"""Nothing is sent to somebody else's machine, at a cost, without a yes."""

from __future__ import annotations

import pytest
from virtual_run import plan_of

from llmload.app.consent import consent_needed, expected_cost, is_local

DEAR = """
[targets.main]
base_url = "https://api.example.com/v1"
model = "m"
prices = { input = 10.0, output = 30.0, request = 0.001 }
[classes.chat]
api = "chat"
prompt = { tokens = 100 }
max_tokens = 100
[load]
rate = "10/s"
duration = "100s"
"""


def test_the_cost_is_calls_times_tokens_times_prices() -> None:
    calls, cost = expected_cost(plan_of(DEAR))
    assert calls == pytest.approx(1000)
    assert cost == pytest.approx(1000 * (0.001 + 100 * 10e-6 + 100 * 30e-6), rel=0.02)


def test_a_dear_run_elsewhere_asks() -> None:
    question = consent_needed(plan_of(DEAR))
    assert "api.example.com" in question
    assert "1,000 requests" in question


@pytest.mark.parametrize(
    "change",
    ['targets.main.base_url="http://127.0.0.1:8000/v1"', "budget.ask=100.0", "load.max_requests=5"],
)
def test_a_run_here_or_a_cheap_one_does_not_ask(change: str) -> None:
    assert consent_needed(plan_of(DEAR, change)) == ""


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("sim:", True),
        ("http://localhost:1/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://127.8.0.1/v1", True),
        ("http://10.0.0.1/v1", False),
        ("https://localhost.example.com/v1", False),
    ],
)
def test_what_is_local(url: str, local: bool) -> None:
    assert is_local(url) is local
