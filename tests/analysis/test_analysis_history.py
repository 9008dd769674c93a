"""A figure over many runs, against histories of known truth."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reports"))
import reports_samples as samples

from llmload.analysis.changes import Change
from llmload.analysis.compare import Measure
from llmload.analysis.figure import Figure, parse_figure
from llmload.analysis.history import FIGURES, Line, line_of, value_of
from llmload.metrics.summary import Summary
from llmload.reports.figures import figures

LATENCY, ERRORS = Figure("latency", "p95"), Figure("errors", "rate")
ALONE = Measure((LATENCY,))
USUAL = Measure(FIGURES)
rng = np.random.default_rng(5)


def runs(count: int, noise: float = 0.08) -> np.ndarray:
    return np.exp(rng.normal(0.0, noise, count))


def test_a_step_is_found_where_it_is_with_its_size() -> None:
    values = np.r_[runs(20, 0.03), 1.3 * runs(10, 0.03)]
    (change,) = line_of(LATENCY, values, USUAL).changes
    assert abs(change.at - 20) <= 1
    assert change.ratio == pytest.approx(1.3, abs=0.05)


def test_the_run_is_named_exactly_where_the_step_is_well_above_the_noise() -> None:
    exact = 0
    for _ in range(100):
        (change,) = line_of(LATENCY, np.r_[runs(20, 0.04), 1.3 * runs(10, 0.04)], USUAL).changes[:1]
        exact += change.at == 20
    assert exact >= 97


def test_a_history_without_a_change_is_accused_in_at_most_one_of_twenty() -> None:
    """Of seven figures together, each with its own noise, whatever its distribution."""
    accused = 0
    for _ in range(200):
        lines = [line_of(figure, rng.lognormal(0.0, 0.15, 30), USUAL) for figure in FIGURES]
        accused += any(line.changes for line in lines)
    assert accused <= 0.05 * 200 + 2 * math.sqrt(0.05 * 0.95 * 200)


@pytest.mark.parametrize(("noise", "since"), [(0.05, 6), (0.08, 8)])
def test_a_change_of_30_percent_is_found_in_19_of_20(noise: float, since: int) -> None:
    found = sum(
        bool(line_of(LATENCY, np.r_[runs(20, noise), 1.3 * runs(since, noise)], USUAL).changes) for _ in range(100)
    )
    assert found >= 95


@pytest.mark.parametrize(("measure", "count"), [(ALONE, 8), (USUAL, 13)])
def test_so_many_runs_can_show_a_change_and_far_fewer_cannot(measure: Measure, count: int) -> None:
    def step(count: int) -> np.ndarray:
        return np.where(np.arange(count) < count // 2, 1.0, 2.0) + np.arange(count) / 1000

    assert line_of(LATENCY, step(count), measure).changes
    assert not line_of(LATENCY, step(count - 3), measure).changes


def test_one_wild_run_is_no_change() -> None:
    values = runs(30, 0.03)
    values[17] = 40.0
    assert not line_of(LATENCY, values, USUAL).changes


def test_what_does_not_matter_is_left_out() -> None:
    values = np.r_[runs(20, 0.001), 1.05 * runs(20, 0.001)]
    assert not line_of(LATENCY, values, USUAL).changes
    assert line_of(LATENCY, values, Measure(FIGURES, {"": 0.02})).changes


def test_shares_change_by_points() -> None:
    values = np.r_[0.001 * runs(20), 0.03 * runs(20)]
    (change,) = line_of(ERRORS, values, USUAL).changes
    assert change.after - change.before == pytest.approx(0.029, abs=0.002)
    assert not line_of(ERRORS, np.r_[0.001 * runs(20), 0.005 * runs(20)], USUAL).changes


def test_runs_without_a_value_are_passed_over() -> None:
    values = np.r_[runs(20, 0.03), 1.5 * runs(20, 0.03)]
    values[[3, 4, 25]] = math.nan
    (change,) = line_of(LATENCY, values, USUAL).changes
    assert abs(change.at - 20) <= 1
    assert not line_of(LATENCY, np.full(20, math.nan), USUAL).changes
    assert math.isnan(line_of(LATENCY, np.full(20, math.nan), USUAL).level)


def test_worse_is_what_the_figure_says() -> None:
    up, down = Change(5, 1.0, 2.0), Change(5, 2.0, 1.0)
    latency, goodput = (Line(parse_figure(name), np.ones(9), (up,)) for name in ("latency.p95", "goodput.rate"))
    assert (latency.worse(up), latency.worse(down), latency.worsened) == (True, False, True)
    assert (goodput.worse(up), goodput.worse(down), goodput.worsened) == (False, True, False)


def test_what_came_right_again_is_worse_no_more() -> None:
    values = np.r_[runs(15, 0.02), 1.5 * runs(15, 0.02), runs(15, 0.02)]
    line = line_of(LATENCY, values, USUAL)
    assert [line.worse(change) for change in line.changes] == [True, False]
    assert not line.worsened
    assert line.level == pytest.approx(1.0, abs=0.02)


def test_creep_is_a_drift() -> None:
    values = np.linspace(1.0, 1.25, 40) * runs(40, 0.1)
    line = line_of(LATENCY, values, Measure((LATENCY,), {"": 0.1}))
    assert line.changes or line.drift is not None
    assert line_of(LATENCY, runs(40, 0.03), USUAL).drift is None


def test_a_slow_rise_within_one_level_has_an_interval_that_holds_it() -> None:
    found = [
        line_of(LATENCY, np.linspace(1.0, 1.15, 12) * runs(12, 0.01), Measure(FIGURES, {"": 0.5})) for _ in range(20)
    ]
    assert not any(line.changes or line.drift for line in found)
    told = line_of(LATENCY, np.linspace(1.0, 1.15, 10) * runs(10, 0.005), Measure(FIGURES, {"": 0.1}))
    assert told.drift is not None
    growth, (low, high) = told.drift
    assert low < growth < high
    assert growth == pytest.approx(0.14, abs=0.03)


@pytest.mark.parametrize(
    ("name", "of", "stat"),
    [("latency.mean", "latency", "mean"), ("ttft.p50", "ttft", "p50"), ("cost.mean", "cost", "mean")],
)
def test_a_value_is_the_one_reports_show(name: str, of: str, stat: str) -> None:
    wanted = figures(samples.summary())["total"]["metrics"][of][stat]
    assert value_of(samples.summary(), parse_figure(name)) == pytest.approx(wanted, rel=0.005)


def test_shares_and_rates_are_those_of_the_measured_time() -> None:
    told = figures(samples.summary())
    assert value_of(samples.summary(), ERRORS) == pytest.approx(told["total"]["error_rate"])
    assert value_of(samples.summary(), parse_figure("success.rate")) == pytest.approx(1 - told["total"]["error_rate"])
    assert value_of(samples.summary(), parse_figure("goodput.rate")) == pytest.approx(
        told["amounts"]["goodput"]["rate"]
    )


def test_a_class_has_values_of_its_own() -> None:
    chat, embed = (value_of(samples.summary(), LATENCY, cls) for cls in ("chat", "embed"))
    assert chat > 10 * embed
    assert all(math.isnan(value_of(samples.summary(), figure, "vision")) for figure in FIGURES)


@pytest.mark.parametrize("figure", FIGURES)
def test_nothing_measured_is_no_value(figure: Figure) -> None:
    assert math.isnan(value_of(Summary(), figure))
