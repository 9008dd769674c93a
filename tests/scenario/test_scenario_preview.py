from __future__ import annotations

import dataclasses

import pytest
from scenario_kit import SMALL, compiled

from llmload.arrivals.curves import Ramp
from llmload.scenario.preview import preview, series

PRICED = """
[targets.main]
base_url = "http://localhost:8000/v1"
model = "m"
prices = { input = 10, output = 20, request = 0.01 }
[classes.chat]
prompt = { tokens = 100 }
max_tokens = 50
weight = 3
[classes.embed]
api = "embeddings"
prompt = { tokens = 200 }
batch = 4
[load]
[[load.phases]]
name = "up"
duration = "20s"
curve = { type = "ramp", from = "0/s", to = "10/s" }
measure = false
mix = { embed = 1 }
[[load.phases]]
name = "hold"
duration = "40s"
rate = "10/s"
"""


def test_requests_tokens_and_cost_follow_from_curve_mix_and_prices() -> None:
    seen = preview(compiled(PRICED))
    up, hold = seen.phases
    assert (up.name, up.measure, up.requests, up.mean, up.peak) == ("up", False, 100, 5, 10)
    assert up.classes == {"chat": 0, "embed": 100}
    assert (up.input_tokens, up.output_tokens) == (100 * 4 * 200, 0)
    assert hold.classes == {"chat": pytest.approx(300), "embed": pytest.approx(100)}
    assert hold.output_tokens == pytest.approx(300 * 50)
    assert hold.cost == pytest.approx(300 * (100 * 10 + 50 * 20) / 1e6 + 100 * 800 * 10 / 1e6 + 400 * 0.01)
    assert seen.total.requests == 500
    assert seen.total.cost == pytest.approx(up.cost + hold.cost)
    assert seen.total.classes["embed"] == pytest.approx(200)
    assert (seen.total.peak, seen.total.duration, seen.unit) == (10, 60, "requests/s")


def test_a_largest_number_of_requests_ends_the_run_early() -> None:
    seen = preview(compiled(PRICED.replace("[load]", "[load]\nmax_requests = 150")))
    assert [phase.requests for phase in seen.phases] == [100, 50]
    assert seen.total.requests == 150


def test_nobody_knows_how_many_requests_users_will_make() -> None:
    seen = preview(compiled(SMALL.replace('rate = "10/s"', "users = 20")))
    assert seen.unit == "users"
    assert (seen.total.requests, seen.total.peak, seen.total.cost) == (None, 20, 0)


def test_prices_of_several_targets_are_averaged() -> None:
    text = SMALL.replace(
        "[classes.chat]", '[targets.b]\nbase_url = "http://b"\nprices = { request = 1 }\n[classes.chat]\nmodel = "x"'
    )
    assert preview(compiled(text)).total.cost == pytest.approx(300)


def test_the_peak_of_a_phase_is_found_in_any_curve() -> None:
    plan = compiled(PRICED)
    load = dataclasses.replace(plan.load, curve=Ramp(0, 60, 60))
    seen = preview(dataclasses.replace(plan, load=load))
    assert [phase.peak for phase in seen.phases] == pytest.approx([20, 60], rel=0.001)


def test_the_series_keeps_the_area_under_the_curve() -> None:
    levels = series(compiled(PRICED), 30)
    assert len(levels) == 30
    assert sum(levels) * 2 == pytest.approx(500)
    assert levels[-1] == pytest.approx(10)


def test_the_peak_of_a_phase_that_only_cuts_a_curve_is_that_of_its_stretch() -> None:
    head = SMALL.partition("[load]")[0]
    text = (
        head
        + """[load]
curve = { type = "sequence", parts = [
  { duration = "10s", curve = { type = "constant", rate = "1/s" } },
  { duration = "10s", curve = { type = "constant", rate = "9/s" } },
] }
phases = [{ name = "slow", duration = "5s" }, { name = "both", duration = "15s" }]
"""
    )
    slow, both = preview(compiled(text)).phases
    assert (slow.peak, slow.requests) == (1, pytest.approx(5))
    assert (both.peak, both.requests) == (pytest.approx(9), pytest.approx(95))
