"""Comparisons: both sides read, one interval out of two, no data on either side a failure."""

from __future__ import annotations

import random
import re

import pytest
from verdict_runs import Run

from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.verdict.compared import bracket_of, interval_of, value_of
from llmload.verdict.judge import Judgement, judge, wilson
from llmload.verdict.kinds import Kind
from llmload.verdict.objectives import Side, parse_objective


def verdict_on(summary: Summary, rule: str) -> Judgement:
    return judge([parse_objective(rule)], summary)[0]


@pytest.fixture(scope="module")
def two() -> Summary:
    """Class a takes 100 to 200 ms, class b 80 ms more; b fails 1 in 10."""
    run = Run(20.0)
    chance = random.Random(5)
    for n in range(1000):
        first = 0.1 + 0.1 * chance.random()
        run.call(at=n / 50, ttft=first, latency=first + 0.1, cls="a")
        failed = Outcome.HTTP_5XX if n % 10 == 0 else Outcome.OK
        run.call(at=n / 50, ttft=first + 0.08, latency=first + 0.18, cls="b", outcome=failed)
    return run.done()


def test_a_rule_may_compare_two_figures() -> None:
    rule = parse_objective("ttft.p95{class=b}-ttft.p95{class=a}<50ms")
    assert rule.rule == "ttft.p95{class=b} - ttft.p95{class=a} < 50ms"
    assert (rule.relation, rule.other) == ("-", Side("ttft", "p95", (("class", "a"),)))
    assert (rule.kind, rule.value) == (Kind.DURATION, 0.05)
    assert parse_objective(rule.rule) == rule
    share = parse_objective("latency.mean{tenant=b} / latency.mean{tenant=a} <= 120%")
    assert (share.kind, share.value, share.cuts) == (Kind.RATIO, 1.2, frozenset({"tenant"}))
    assert parse_objective("ttft.p95{class=b} - ttft.p95 > -10ms").value == -0.01
    assert parse_objective("spread.largest{over=instance} < 60%").cuts == {"instance"}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ttft.p95 - errors.rate < 1", "is a duration and errors.rate a share"),
        ("ttft.p95{class=a} / ttft.p95{class=a} < 1", "compared with itself"),
        ("ttft.p95 - ttfb.p95 < 1s", "did you mean 'ttft'"),
        ("ttft.p95{class=a} - ttft.p95 < 10", "the value of ttft.p95{class=a} - ttft.p95"),
        ("spread.even > 0.01", 'like "spread.even{over=instance}"'),
        ("ttft.p95{over=instance} < 1s", "no figure over the values of a tag"),
    ],
)
def test_what_can_not_be_compared_is_refused(rule: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_objective(rule)


def test_a_comparison_has_no_window() -> None:
    with pytest.raises(ValueError, match="has no window"):
        parse_objective("ttft.p95{class=a} - ttft.p95 < 1s", window=10.0)


def test_a_difference_shows_both_sides_and_an_interval(two: Summary) -> None:
    found = verdict_on(two, "ttft.mean{class=b} - ttft.mean{class=a} < 50ms")
    assert not found.passed
    assert found.observed == pytest.approx(0.08, abs=0.005)
    assert found.sides == (pytest.approx(0.23, abs=0.005), pytest.approx(0.15, abs=0.005))
    assert found.interval is not None
    assert found.interval[0] < 0.08 < found.interval[1]
    assert found.interval[1] - found.interval[0] < 0.01


def test_a_ratio_is_judged_too(two: Summary) -> None:
    found = verdict_on(two, "ttft.p50{class=b} / ttft.p50{class=a} < 1.2")
    assert not found.passed
    assert found.observed == pytest.approx(0.23 / 0.15, rel=0.03)
    assert found.interval is not None
    assert found.interval[0] < found.observed < found.interval[1]
    assert verdict_on(two, "errors.rate{class=a} - errors.rate{class=b} <= 0%").passed


def test_no_data_on_either_side_fails(two: Summary) -> None:
    for rule in ("ttft.p95{class=c} - ttft.p95{class=a} < 1s", "ttft.p95{class=a} - ttft.p95{class=c} < 1s"):
        found = verdict_on(two, rule)
        assert (found.passed, found.observed) == (False, None)
        assert "no data of ttft.p95{class=c}: there is no class 'c'" in found.note
    assert "is 0" in verdict_on(two, "errors.rate{class=b} / errors.rate{class=a} < 2").note


def test_newcombes_own_example() -> None:
    """56 of 70 against 48 of 80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    a, b = 56 / 70, 48 / 80
    low, high = interval_of("-", a, b, wilson(56, 70), wilson(48, 80)) or (0.0, 0.0)
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


@pytest.mark.parametrize("relation", ["-", "/"])
def test_the_interval_holds_the_truth_as_often_as_it_says(relation: str) -> None:
    chance = random.Random(11)
    held = 0
    for _ in range(1000):
        sides = []
        for mean, n in ((10.0, 40), (8.0, 60)):
            values = [chance.gauss(mean, 2.0) for _ in range(n)]
            average = sum(values) / n
            reach = 1.96 * (sum((v - average) ** 2 for v in values) / (n - 1) / n) ** 0.5
            sides.append((average, (average - reach, average + reach)))
        (a, of_a), (b, of_b) = sides
        found = interval_of(relation, a, b, of_a, of_b)
        truth = value_of(relation, 10.0, 8.0)
        assert found is not None
        assert truth is not None
        held += found[0] <= truth <= found[1]
    assert 920 <= held <= 980


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert value_of("/", 1.0, 0.0) is None
    assert interval_of("-", 1.0, 1.0, None, (0.0, 2.0)) is None
    assert interval_of("/", 1.0, 0.1, (0.5, 1.5), (-0.1, 0.3)) is None
    assert bracket_of("-", (1.0, 2.0), (0.5, 1.0)) == (0.0, 1.5)
    assert bracket_of("/", (1.0, 2.0), (0.0, 1.0)) is None
