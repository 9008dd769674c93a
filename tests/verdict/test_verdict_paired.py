"""Pairs: figures held to scipy, intervals to what they promise, rules to runs with a known difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from virtual_run import plan_of, run_plan

from llmload.metrics.differences import Difference
from llmload.scenario.plan import Plan
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.paired import FEWEST_RANKED, Ordered, mean, mean_interval, sign_test, wilcoxon

BLOCKS = 20
SMALL = st.lists(st.integers(-900, 900), min_size=1, max_size=120)


def difference(values: list[int], blocks: int = BLOCKS) -> Difference:
    """Values in the order of time, in blocks of one length."""
    made, each = Difference(), max(1, -(-len(values) // blocks))
    made.add({n: values[at : at + each] for n, at in enumerate(range(0, len(values), each))})
    return made


@settings(max_examples=200, deadline=None)
@given(SMALL)
def test_figures_are_scipys(values: list[int]) -> None:
    found = difference(values)
    differ = [value for value in values if value]
    assert mean(found) == pytest.approx(np.mean(values))
    if differ:
        expected = stats.binomtest(sum(value > 0 for value in differ), len(differ)).pvalue
        assert sign_test(found) == pytest.approx(expected, rel=1e-9)
    else:
        assert sign_test(found) is None
    if len(differ) < FEWEST_RANKED:
        assert wilcoxon(found) is None
    else:
        expected = stats.wilcoxon(values, zero_method="wilcox", correction=False, method="asymptotic").pvalue
        assert wilcoxon(found) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(SMALL, st.sampled_from([1.0, 25.0, 50.0, 90.0, 99.0]))
def test_percentiles_are_values_of_their_rank(values: list[int], p: float) -> None:
    rank = max(1, int(p * len(values) / 100 + 0.5))
    assert Ordered.of(difference(values)).percentile(p) == sorted(values)[rank - 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-900, 900), min_size=2, max_size=60))
def test_with_a_pair_per_block_the_interval_is_students(values: list[int]) -> None:
    found = mean_interval(difference(values, len(values)))
    reach = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    assert found == pytest.approx((np.mean(values) - reach, np.mean(values) + reach), rel=1e-8, abs=1e-6)


def draws(rng: np.random.Generator, kind: str) -> tuple[list[int], float, float]:
    """Microseconds of 320 pairs whose calls have most of their time in common; true mean and median of the
    difference."""
    common = rng.lognormal(11, 0.8, 320)
    if kind == "skewed":
        noise = rng.lognormal(8.5, 0.7, 320) - rng.lognormal(8.5, 0.7, 320)
    elif kind == "drifting":  # neighbours are alike, as in a queue that both share unevenly
        steps, noise = rng.normal(0, 4000, 340), np.zeros(340)
        for n in range(1, 340):
            noise[n] = 0.5 * noise[n - 1] + steps[n]
        noise = noise[20:]
    else:
        noise = rng.normal(0, 5000, 320)
    a, b = common, common + 2000 + noise
    return np.round(b - a).astype(int).tolist(), 2000.0, 2000.0


@pytest.mark.parametrize("kind", ["normal", "skewed", "drifting"])
def test_intervals_hold_the_truth_as_often_as_they_say(kind: str) -> None:
    rng, rounds = np.random.default_rng(7), 1500
    of_mean = of_median = 0
    for _ in range(rounds):
        values, true_mean, true_median = draws(rng, kind)
        found = difference(values)
        low, high = mean_interval(found) or (0.0, 0.0)
        of_mean += low <= true_mean <= high
        low, high = Ordered.of(found).interval(50) or (0.0, 0.0)
        of_median += low <= true_median <= high
    assert of_mean / rounds == pytest.approx(0.95, abs=0.02)
    if kind != "drifting":
        assert of_median / rounds == pytest.approx(0.95, abs=0.02)


def test_the_interval_of_pairs_is_far_narrower_than_that_of_independent_calls() -> None:
    values, _, _ = draws(np.random.default_rng(1), "normal")
    low, high = mean_interval(difference(values)) or (0.0, 0.0)
    common = np.random.default_rng(1).lognormal(11, 0.8, 320)
    assert high - low < 2 * 1.96 * common.std() * np.sqrt(2 / 320) / 10


PAIRED = """
name = "pairs"
slice_by = ["user"]
[targets.a]
base_url = "sim:"
model = "m"
headers = { x-route = "a" }
[targets.b]
base_url = "sim:"
model = "m"
headers = { x-route = "b" }
[classes.chat]
paired = true
prompt = { tokens = "10..50" }
max_tokens = "5..400"
[dimensions.user.free]
[dimensions.user.premium]
[load]
process = "uniform"
phases = [
  { name = "warm-up", duration = "2s", rate = "20/s", measure = false },
  { name = "main", duration = "20s", rate = "20/s" },
]
[sim]
answer = "max"
faults = [{ kind = "hop", delay = "30ms", headers = { x-route = "b" } }]
"""
SIDES = "target=b,against=a"


def verdicts(plan: Plan, *rules: str, shards: int = 1) -> list[Judgement]:
    return judge([parse_objective(rule) for rule in rules], run_plan(plan, shards).summary)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_known_difference_is_found_however_many_workers_send(shards: int) -> None:
    rules = [f"paired.latency.{stat}{{{SIDES}}} >= 0" for stat in ("mean", "p50", "count", "above", "sign")]
    turned = "paired.latency.mean{target=a,against=b} < 0ms"
    found = verdicts(plan_of(PAIRED), *rules, turned, shards=shards)
    middle, median, count, above, sign, other = (judgement.observed or 0.0 for judgement in found)
    assert middle == pytest.approx(0.030, abs=0.01)
    assert median == pytest.approx(0.030, abs=0.01)
    assert count == 200
    assert above > 0.5
    assert sign < 0.01
    assert other == pytest.approx(-middle)
    low, high = found[0].interval or (0.0, 0.0)
    assert low < 0.030 < high
    assert high - low < 0.02


def test_pairs_are_cut_by_dimension_class_and_phase() -> None:
    summary = run_plan(plan_of(PAIRED)).summary
    parts = [summary.paired("b", "a", user=user) for user in ("free", "premium")]
    assert sum(part.pairs for part in parts) == summary.paired("b", "a").pairs == 200
    assert summary.paired("b", "a", phase="warm-up").pairs == 20
    assert summary.paired("b", "a", phase="main").pairs == 200
    assert summary.paired("b", "a", **{"class": "nobody"}).pairs == 0


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("paired.ttft.mean < 5ms", "needs the filter 'target'"),
        ("paired.ttft.mean{target=b} < 5ms", "needs the filter 'against'"),
        ("paired.ttft.mean{target=b,against=b} < 5ms", "against itself"),
        ("paired.ttft.mode{target=b,against=a} < 5ms", "no statistic 'ttft.mode'"),
        ("paired.ttft.mean{target=b,against=a} < 5%", "5%"),
        ("ttft.p95{against=a} < 5ms", "only pairs are set against a target"),
    ],
)
def test_a_rule_that_can_not_be_is_explained(rule: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_objective(rule)


def test_no_pairs_is_no_data() -> None:
    alone = PAIRED.replace("paired = true", "")
    judgement = verdicts(plan_of(alone), f"paired.latency.mean{{{SIDES}}} < 1s")[0]
    assert not judgement.passed
    assert "no pairs of b and a" in judgement.note
