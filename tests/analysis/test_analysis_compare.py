"""Summaries compared: which method is taken when, what a slower target looks like, runs as replicates."""

from __future__ import annotations

from functools import cache

import pytest
from virtual_run import plan_of, run_plan

from llmload.analysis.compare import Measure, Row, compare
from llmload.analysis.difference import Change
from llmload.analysis.estimate import Method
from llmload.analysis.figure import Figure, parse_effects, parse_figure
from llmload.analysis.side import Side
from llmload.metrics.summary import Summary

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
stream = true
weight = 3
max_tokens = 20
[classes.embed]
api = "embeddings"
model = "sim-embedding"
weight = 1
[load]
rate = "{rate}/s"
duration = "{duration}s"
[sim]
seed = {seed}
answer = "max"
faults = [
  {{ kind = "slow", factor = 1.3, rate = "30%" }},
  {{ kind = "slow", factor = 1.6, rate = "10%" }},
  {{ kind = "slow", factor = {factor} }},
  {{ kind = "error", rate = "{errors}%" }},
]
"""


@cache
def run(seed: int = 1, factor: float = 1.0001, duration: int = 20, rate: int = 2, errors: float = 0.01) -> Summary:
    plan = plan_of(SCENARIO.format(seed=seed, factor=factor, duration=duration, rate=rate, errors=errors))
    return run_plan(plan).summary


def found(a: Side, b: Side, figure: str, cls: str = "chat", **kind: object) -> Row:
    measure = Measure((parse_figure(figure),), **kind)  # type: ignore[arg-type]
    return next(row for row in compare(a, b, measure) if row.cls == cls)


def test_short_runs_are_compared_by_calls_and_long_ones_by_windows() -> None:
    short, long = Side([run()]), Side([run(duration=90, rate=8)])
    assert found(short, short, "latency.mean").difference.a.method is Method.CALLS
    assert found(long, long, "latency.p95").difference.a.method is Method.WINDOWS
    assert found(long, long, "tpot.mean").difference.a.method is Method.CALLS
    assert found(short, short, "itl.mean").difference.a.method is Method.NONE
    assert found(long, long, "itl.mean").difference.a.method is Method.WINDOWS
    assert not compare(short, short, Measure((parse_figure("goodput.rate"),)))
    assert found(long, long, "goodput.rate").difference.a.method is Method.WINDOWS


@pytest.mark.parametrize(("duration", "rate"), [(20, 4), (90, 8)])
def test_a_slower_target_is_worse_and_a_faster_one_better(duration: int, rate: int) -> None:
    a, b = Side([run(1, 1.0001, duration, rate)]), Side([run(2, 1.5, duration, rate)])
    for figure in ("latency.mean", "ttft.mean", "tpot.mean"):
        assert found(a, b, figure).difference.change is Change.WORSE, figure
        assert found(b, a, figure).difference.change is Change.BETTER, figure
    low, high = found(a, b, "latency.mean").difference.interval
    assert low < 1.5 < high


def test_the_same_target_is_the_same_within_the_effect() -> None:
    a, b = Side([run(1, duration=90, rate=8)]), Side([run(2, duration=90, rate=8)])
    row = found(a, b, "latency.mean", effects={"": 0.2})
    assert row.difference.change is Change.SAME


def test_errors_are_compared_by_difference() -> None:
    a, b = Side([run(1, duration=90, rate=8)]), Side([run(2, duration=90, rate=8, errors=9)])
    row = found(a, b, "errors.rate")
    assert (row.difference.change, row.difference.ratio) == (Change.WORSE, None)
    assert row.difference.interval[0] < 0.09 < row.difference.interval[1]


def test_repeated_runs_are_one_value_each() -> None:
    a = Side([run(seed) for seed in (1, 2, 3)])
    b = Side([run(seed, 1.5) for seed in (4, 5, 6)])
    row = found(a, b, "latency.mean")
    assert (row.difference.a.method, row.difference.a.count) == (Method.RUNS, 3)
    assert row.difference.change is Change.WORSE


def test_rates_of_short_runs_are_compared_from_run_to_run() -> None:
    """20 s are too few windows for an interval, but each run says what it reached."""
    a = Side([run(seed, rate=8) for seed in (1, 2, 3)])
    b = Side([run(seed, rate=8, errors=60) for seed in (4, 5, 6, 7, 8)])
    row = found(a, b, "goodput.rate")
    assert (row.difference.a.method, row.difference.a.count) == (Method.RUNS, 3)
    assert row.difference.change is Change.WORSE
    assert Side([run(1, rate=8)]).estimate(parse_figure("goodput.rate"), "chat", 0.95, runs=False) is None


def test_a_rate_of_nothing_has_no_logarithm_and_is_left_to_the_errors() -> None:
    dead = Side([run(seed, rate=8, errors=100) for seed in (1, 2, 3)])
    assert dead.estimate(parse_figure("goodput.rate"), "chat", 0.95, runs=True) is None
    errors = dead.estimate(parse_figure("errors.rate"), "chat", 0.95, runs=True)
    assert errors is not None
    assert errors.value == 1.0


def test_one_run_against_several_minds_what_runs_differ_by() -> None:
    """Runs of a target that is faster on one day than on the other say less than their calls seem to."""
    steady = Side([run(seed) for seed in (1, 2, 3)])
    shaky = Side([run(1), run(2, 1.4), run(3, 2.0)])
    one = Side([run(7)])
    narrow, wide = (found(side, one, "latency.mean").difference for side in (steady, shaky))
    assert narrow.a.method is Method.CALLS
    assert narrow.a.count > 2.5 * narrow.b.count
    assert wide.interval[1] / wide.interval[0] > 2 * narrow.interval[1] / narrow.interval[0]
    assert steady.between("latency", "chat").error < 0.1 < shaky.between("latency", "chat").error


def test_only_what_both_have_is_compared() -> None:
    assert {row.cls for row in compare(Side([run()]), Side([run(2)]), Measure())} == {"chat", "embed"}
    assert compare(Side([Summary()]), Side([run()]), Measure()) == ()


def test_figures_are_named_as_in_objectives() -> None:
    assert parse_figure(" ttft.p99.9 ") == Figure("ttft", "p99.9")
    assert parse_effects(["20%", "latency.p95=0.3"]) == {"": 0.2, "latency.p95": 0.3}
    for wrong, hint in (("latency.p95.", "latency.p95"), ("lateny.mean", "did you mean latency.mean"), ("x", "like")):
        with pytest.raises(ValueError, match=hint):
            parse_figure(wrong)
    with pytest.raises(ValueError, match="not a share"):
        parse_effects(["latency.mean=20 percent"])
