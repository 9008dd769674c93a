"""What a calibration says of a plan before it is run, and of a result afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
from calibration_kit import calibration, step
from virtual_run import plan_of, run_plan

from llmload.calibration.calibration import Noise
from llmload.calibration.outlook import busiest, error_bar, planned_pace, warnings
from llmload.cluster.crew import choose, places
from llmload.metrics.precision import Pace
from llmload.metrics.summary import Summary

TARGET = """
[targets.main]
base_url = "sim:"
model = "sim-model"
"""
REMOTE = TARGET.replace("sim:", "http://192.0.2.1/v1")
CHAT = """
[classes.chat]
api = "chat"
stream = true
prompt = { tokens = 20 }
max_tokens = 100
"""
WHOLE = """
[classes.whole]
api = "embeddings"
prompt = { tokens = 20 }
"""
LOAD = """
[load]
process = "uniform"
rate = "20/s"
duration = "30s"
"""
MADE = calibration()  # 52,000 events/s or 2,600 requests/s


def test_the_planned_load_is_that_of_the_highest_rate_and_every_token_an_event() -> None:
    assert planned_pace(plan_of(TARGET + CHAT + LOAD)) == Pace(20.0, 2000.0)
    assert planned_pace(plan_of(TARGET + WHOLE + LOAD)) == Pace(20.0, 0.0)
    both = planned_pace(plan_of(TARGET + CHAT + WHOLE + LOAD))
    assert both is not None
    assert both.events == pytest.approx(1000.0)


def test_phases_with_a_mix_of_their_own_are_looked_at_one_by_one() -> None:
    load = """
[load]
[[load.phases]]
name = "many"
rate = "100/s"
duration = "10s"
mix = { whole = 1 }
[[load.phases]]
name = "long"
rate = "10/s"
duration = "10s"
mix = { chat = 1 }
"""
    assert planned_pace(plan_of(TARGET + CHAT + WHOLE + load)) == Pace(100.0, 1000.0)


def test_in_the_closed_model_nobody_knows() -> None:
    plan = plan_of(TARGET + CHAT + '[load]\nusers = 100000\nduration = "10s"')
    assert planned_pace(plan) is None
    assert warnings(MADE, plan, 1, 2) == []


@pytest.mark.parametrize(
    ("rate", "workers", "most", "says"),
    [
        ("600/s", 1, 4, "1.4 times what 1 worker can measure here (52,000 events/s or 2600/s each): use --workers 3"),
        ("600/s", 1, 2, "use --workers 2, or lower the rate"),  # more than 60 % of each, but not more than they can do
        ("1400/s", 2, 8, "1.6 times what 2 workers can measure here"),
        ("1400/s", 2, 8, "use --workers 6, or lower the rate"),
        ("1400/s", 1, 2, "more than this machine can send: lower the rate, or split the load over 3 machines"),
        ("1400/s", 2, 2, "more than this machine can send: lower the rate, or split the load over 3 machines"),
    ],
)
def test_too_much_is_said_beforehand_with_what_would_help(rate: str, workers: int, most: int, says: str) -> None:
    plan = plan_of(REMOTE + CHAT + LOAD, f"load.rate={rate}")
    (warning,) = warnings(MADE, plan, workers, most)
    assert f"the planned peak of {rate}" in warning
    assert says in warning


@pytest.mark.parametrize(("rate", "cores"), [("600/s", 1), ("1400/s", 2), ("9000/s", 8)])
def test_what_is_said_agrees_with_the_workers_that_are_chosen(rate: str, cores: int) -> None:
    plan = plan_of(REMOTE + CHAT + LOAD, f"load.rate={rate}")
    crew = choose(plan, cores, MADE.capacity)
    assert crew.workers < crew.wanted
    (warning,) = warnings(MADE, plan, crew.workers, places(plan, cores))
    assert "more than this machine can send" in warning
    assert "--workers" not in warning
    assert f"over {-(-crew.wanted // crew.workers)} machines" in warning


@pytest.mark.parametrize("rate", ["1400/s", "400/s"])
def test_with_the_simulator_as_its_target_other_machines_are_no_help(rate: str) -> None:
    (warning,) = warnings(MADE, plan_of(TARGET + CHAT + LOAD, f"load.rate={rate}"), 1, 1)
    assert warning.endswith("lower the rate")
    assert "machines" not in warning


def test_enough_workers_need_no_warning() -> None:
    plan = plan_of(TARGET + CHAT + LOAD, "load.rate=600/s")
    assert warnings(calibration(steps=(step("stream", 50, 0.1),)), plan, 4, 4) == []


def test_a_load_below_the_ceiling_that_will_be_read_late_is_said_too() -> None:
    plan = plan_of(TARGET + CHAT + LOAD, "load.rate=400/s")
    (warning,) = warnings(MADE, plan, 1, 2)
    assert "92% of the ceiling of 1 worker" in warning
    assert "use --workers 2" in warning
    remote = plan_of(REMOTE + CHAT + LOAD, "load.rate=400/s")
    assert "split the load over more machines" in warnings(MADE, remote, 1, 1)[0]


def test_what_was_late_on_a_disturbed_machine_is_not_held_against_it() -> None:
    plan = plan_of(TARGET + CHAT + LOAD, "load.rate=400/s")
    assert warnings(calibration(noise=Noise(others=0.5)), plan, 1, 2) == []


def test_a_small_load_needs_no_warning() -> None:
    assert warnings(MADE, plan_of(TARGET + CHAT + LOAD), 1, 1) == []


def ran(*parts: str) -> Summary:
    return run_plan(plan_of("".join((TARGET, *parts)))).summary


def test_the_busiest_stretch_is_what_was_sent_and_read_in_it() -> None:
    pace = busiest(ran(CHAT.replace("100", "10"), LOAD))
    assert pace.calls == pytest.approx(20.0, rel=0.01)
    assert pace.events == pytest.approx(200.0, rel=0.1)


def test_a_spike_counts_and_the_calm_around_it_does_not() -> None:
    load = """
[load]
process = "uniform"
[[load.phases]]
name = "calm"
rate = "2/s"
duration = "60s"
[[load.phases]]
name = "rush"
rate = "30/s"
duration = "20s"
"""
    assert busiest(ran(WHOLE, load)).calls == pytest.approx(30.0, rel=0.05)


def test_a_run_shorter_than_a_stretch_is_one() -> None:
    assert busiest(ran(WHOLE, LOAD.replace("30s", "3s"))).calls == pytest.approx(20.0, rel=0.05)
    assert busiest(Summary()) == Pace()


def test_the_error_bar_is_that_of_the_load_each_worker_had() -> None:
    summary = ran(CHAT, LOAD)
    alone, shared = error_bar(MADE, summary, 1), error_bar(MADE, summary, 4)
    assert alone is not None
    assert shared is not None
    assert shared.share == pytest.approx(alone.share / 4)
    assert list(alone.metrics) == ["ttft", "latency", "itl"]
    assert alone.metrics["ttft"] == MADE.deviations("stream", alone.share)[0]["ttft"]
    assert alone.calibrated == MADE.made
    assert not alone.beyond


def test_of_answers_in_one_piece_only_the_latency_is_known() -> None:
    bar = error_bar(MADE, ran(WHOLE, LOAD), 1)
    assert bar is not None
    assert list(bar.metrics) == ["latency"]
    assert bar.metrics["latency"].p50 == pytest.approx(0.3e-3, rel=0.01)


def test_a_mix_has_the_worse_of_both() -> None:
    bar = error_bar(MADE, ran(CHAT, WHOLE, LOAD), 1)
    assert bar is not None
    assert bar.metrics["latency"].p50 == pytest.approx(0.3e-3, rel=0.01)
    assert bar.metrics["ttft"].p50 == pytest.approx(0.1e-3, rel=0.01)


def test_more_than_was_calibrated_is_marked() -> None:
    low = replace(MADE, steps=(step("stream", 5, 0.1),))
    bar = error_bar(low, ran(CHAT, LOAD), 1)
    assert bar is not None
    assert bar.beyond


def test_less_than_was_calibrated_has_the_figures_of_the_lowest_load() -> None:
    high = replace(MADE, steps=(step("stream", 300, 0.1), step("stream", 400, 0.9)))
    bar = error_bar(high, ran(CHAT, LOAD), 1)
    assert bar is not None
    assert bar.metrics == high.steps[0].metrics
    assert not bar.beyond


def test_a_disturbed_calibration_is_no_error_bar() -> None:
    summary = ran(CHAT, LOAD)
    assert error_bar(replace(MADE, noise=Noise(others=0.9)), summary, 1) is None
    noisy = replace(MADE.steps[0], noise=Noise(steal=0.5))
    assert error_bar(replace(MADE, steps=(noisy, *MADE.steps[1:])), summary, 1) is None


def test_where_nothing_went_well_nothing_is_claimed() -> None:
    assert error_bar(MADE, Summary(), 1) is None
