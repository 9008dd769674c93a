"""How sure the judgements of a step are, against samples whose errors are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from virtual_run import plan_of, run_plan

from llmload.analysis.search import Answer
from llmload.metrics.summary import Summary
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.sureness import design_effect, reading, unfit


def test_the_design_effect_of_independent_hits_is_about_one() -> None:
    rng = np.random.default_rng(1)
    found = [design_effect(rng.binomial(100, 0.05, 16).astype(float), np.full(16, 100.0)) for _ in range(400)]
    assert np.median(found) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("alike", [4, 10])
def test_the_design_effect_of_hits_that_come_in_groups_is_their_number(alike: int) -> None:
    """Groups of equal hits: the variance of a share is as many times larger."""
    rng = np.random.default_rng(2)
    found = [
        design_effect(alike * rng.binomial(100 // alike, 0.3, 16).astype(float), np.full(16, 100.0 // alike * alike))
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(alike, rel=0.1)


def test_the_design_effect_of_means_takes_the_variance_of_one_value() -> None:
    rng = np.random.default_rng(3)
    found = [
        design_effect(np.repeat(rng.normal(5, 2, (16, 25)), 4, axis=1).sum(axis=1), np.full(16, 100.0), 4.0)
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(4.0, rel=0.1)


def test_too_few_stretches_or_no_variance_tell_nothing() -> None:
    assert design_effect(np.array([5.0, 9.0]), np.array([10.0, 10.0])) == 1.0
    assert design_effect(np.zeros(9), np.full(9, 10.0)) == 1.0


@pytest.fixture(scope="module")
def summary() -> Summary:
    """A light load, 20 s of it measured."""
    text = """
        [targets.sim]
        base_url = "sim:"
        model = "sim-model"
        [classes.chat]
        stream = true
        max_tokens = 20
        [load]
        rate = "20/s"
        duration = "20s"
    """
    return run_plan(plan_of(text)).summary


@pytest.mark.parametrize(
    ("rules", "answer", "nearest"),
    [
        (("ttft.p95 < 1s", "latency.p50 < 10s"), Answer.HELD, "ttft.p95 < 1s"),
        (("ttft.p95 < 1s", "latency.p50 < 10ms"), Answer.MISSED, "latency.p50 < 10ms"),
        (("success.rate > 90%", "latency.p50 < 10s"), Answer.HELD, "success.rate > 90%"),
        (("errors.rate < 50%",), Answer.HELD, "errors.rate < 50%"),
        (("latency.mean < 100ms",), Answer.MISSED, "latency.mean < 100ms"),
    ],
)
def test_a_step_is_as_good_as_its_worst_objective(
    summary: Summary, rules: tuple[str, ...], answer: Answer, nearest: str
) -> None:
    found, worst = reading(judge([parse_objective(rule) for rule in rules], summary), summary)
    assert found.answer is answer
    assert worst.objective.rule == nearest


def test_a_bound_at_the_figure_itself_is_unclear(summary: Summary) -> None:
    (p50,) = judge([parse_objective("latency.p50 < 1s")], summary)
    assert p50.observed is not None
    close = parse_objective(f"latency.p50 < {p50.observed * 1e6:.0f}us")
    assert reading(judge([close], summary), summary)[0].answer is Answer.UNCLEAR


def test_the_score_of_a_time_is_the_logarithm_of_its_distance(summary: Summary) -> None:
    (judged,) = judge([parse_objective("latency.p50 < 10s")], summary)
    assert judged.observed is not None
    assert reading([judged], summary)[0].score == pytest.approx(math.log(judged.observed / 10))


def test_what_has_no_data_where_calls_were_made_is_missed(summary: Summary) -> None:
    assert reading([Judgement(parse_objective("ttft.p95 < 1s"), False)], summary)[0].answer is Answer.MISSED
    nobody = Judgement(parse_objective("ttft.p95{class=other} < 1s"), False)
    assert reading([nobody], summary)[0].answer is Answer.UNCLEAR


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("ttft.p95 < 1s", ""),
        ("errors.rate < 1%", ""),
        ("success.rate >= 99%", ""),
        ("ttft.p95{phase=spike} < 1s", "phase"),
        ("recovery.time{after=spike} < 1m", "phase"),
        ("breaking.rate > 10/s", "changes"),
        ("errors.count < 5", "how long"),
        ("rate.completed >= 5/s", "lower load"),
        ("latency.p50 == 1s", "exactly"),
    ],
)
def test_what_no_constant_load_can_be_asked_for_is_told(rule: str, why: str) -> None:
    said = unfit(parse_objective(rule))
    assert why in said
    assert bool(why) == bool(said)
