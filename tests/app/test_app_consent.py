"""Nothing is sent to somebody else's machine, at a cost, without a yes."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual_run import plan_of, run_plan

from llmload.app.consent import consent_needed, expected_cost, is_local
from llmload.errors import ScenarioError
from llmload.scenario.plan import Plan

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


TABLE = """
dated = "2026-01-01"
[models.m]
input = 10.0
output = 30.0
[models.other]
input = 1.0
[models.other-large]
input = 2.0
"""


def priced(tmp_path: Path, *changes: str) -> Plan:
    """The dear scenario with its prices in a file."""
    (tmp_path / "prices.toml").write_text(TABLE)
    return plan_of(DEAR, f'targets.main.prices="{tmp_path / "prices.toml"}"', *changes)


def test_prices_may_stand_in_a_table_by_model(tmp_path: Path) -> None:
    assert expected_cost(priced(tmp_path))[1] == pytest.approx(1000 * (100 * 10e-6 + 100 * 30e-6), rel=0.02)
    plan = priced(tmp_path, 'targets.main.model="other-large-2026"')
    assert plan.target("main").price_of("other-large-2026").input == 2.0


def test_a_model_without_a_price_is_refused_and_so_is_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"has no price of model 'unknown'"):
        priced(tmp_path, 'targets.main.model="unknown"')
    with pytest.raises(ScenarioError, match="No such file"):
        plan_of(DEAR, 'targets.main.prices="nowhere.toml"')
    (tmp_path / "bad.toml").write_text("[models.m]\ninput = 1")
    with pytest.raises(ScenarioError, match="dated"):
        plan_of(DEAR, f'targets.main.prices="{tmp_path / "bad.toml"}"')


def test_the_example_has_prices_for_the_simulators_models() -> None:
    plan = plan_of(DEAR, 'targets.main.prices="example"', 'targets.main.model="sim-model"')
    assert plan.target("main").price_of("sim-model").output == 0.60


def test_the_actual_cost_is_that_of_the_tokens_used(tmp_path: Path) -> None:
    """Cost guard: the estimate before, the actual cost after."""
    plan = priced(tmp_path, 'targets.main.base_url="sim:"', 'sim.answer="max"', 'limits.drain="1m"')
    ran = run_plan(plan)
    calls = ran.summary.select()
    assert calls.cost == pytest.approx(calls.input_tokens * 10e-6 + calls.output_tokens * 30e-6)
    assert calls.cost == pytest.approx(expected_cost(plan)[1] / 1000 * calls.calls, rel=0.05)


def test_a_phases_mix_counts_in_the_estimate() -> None:
    phases = '[{name="a",duration="50s",rate="10/s"},{name="b",duration="50s",rate="10/s",mix={free=1}}]'
    mixed = plan_of(DEAR.replace('duration = "100s"', "").replace('rate = "10/s"', ""), f"load.phases={phases}",
                    'classes.free={api="models"}')  # fmt: skip
    assert 0 < expected_cost(mixed)[1] < expected_cost(plan_of(DEAR))[1]


def test_users_of_a_paid_target_are_asked_about_unless_a_budget_bounds_them() -> None:
    closed = DEAR.replace('rate = "10/s"', "users = 20")
    assert "20 users" in consent_needed(plan_of(closed))
    assert "up to $50.00" in consent_needed(plan_of(closed, "budget.stop=50.0"))
    assert consent_needed(plan_of(closed, "budget.stop=0.5")) == ""
    assert consent_needed(plan_of(closed, 'targets.main.base_url="sim:"')) == ""
