"""Judgements: the right figure against the right bound, and never a pass without data."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdict_runs import Run

from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Outcome
from llmload.verdict.judge import Judgement, abort_due, judge, wilson
from llmload.verdict.kinds import Kind
from llmload.verdict.measures import DIRECT, OVER_METRICS, at_the_end, kind_of, metrics, needs_track, stats_of
from llmload.verdict.objectives import Objective, parse_objective


def verdict_on(summary: Summary, rule: str, window: float = 0.0) -> Judgement:
    return judge([parse_objective(rule, window=window)], summary)[0]


@pytest.fixture(scope="module")
def busy() -> Summary:
    """100 calls in 10 s: 90 good (TTFT 1..90 ms), 8 with 5xx, 1 with 429, 1 never ended."""
    run = Run(10.0)
    for n in range(90):
        run.call(at=n / 10, ttft=(n + 1) / 1000, latency=0.2, cls="chat" if n % 2 else "code")
    for n in range(8):
        run.call(at=9 + n / 10, outcome=Outcome.HTTP_5XX)
    run.call(at=9.8, outcome=Outcome.HTTP_429)
    run.call(at=9.9, outcome=Outcome.UNFINISHED)
    return run.done()


@pytest.mark.parametrize(
    ("rule", "observed", "passed"),
    [
        ("ttft.p50 < 46ms", 0.045, True),
        ("ttft.p50 < 45ms", 0.045, False),
        ("ttft.max <= 90ms", 0.09, True),
        ("ttft.min >= 1ms", 0.001, True),
        ("ttft.mean < 50ms", 0.0455, True),
        ("ttft.count == 90", 90, True),
        ("ttft.count{class=chat} == 45", 45, True),
        ("errors.count <= 8", 9, False),
        ("errors.count{outcome=http_429} <= 1", 1, True),
        ("errors.count{outcome=timeout_idle} <= 0", 0, True),
        ("errors.rate < 10%", 9 / 99, True),
        ("errors.rate{outcome=http_5xx} < 9%", 8 / 99, True),
        ("success.rate >= 99%", 90 / 99, False),
        ("success.count >= 90", 90, True),
        ("calls.count == 100", 100, True),
        ("unfinished.count == 0", 1, False),
        ("dropped.rate < 1%", 0, True),
        ("rate.achieved >= 90%", 0.9, True),
        ("rate.planned >= 10/s", 10.0, True),
        ("rate.sent >= 10/s", 10.0, True),
        ("goodput.share >= 90%", 0.9, True),
        ("goodput.rate >= 9/s", 9.0, True),
        ("output_tokens.total >= 270", 270, True),
        ("throughput.output >= 27 tok/s", 27.0, True),
        ("throughput.total >= 117 tok/s", 117.0, True),
        ("in_flight.max <= 1", 1, True),
        ("stall.share < 1%", 0.0, True),
        ("stall.total <= 0", 0.0, True),
        ("tokens_per_second.p50 > 10", 13.0, True),
        ("schedule_lag.p99 < 10ms", 0.0001, True),
    ],
)
def test_the_figure_that_is_judged_is_the_one_the_rule_names(
    busy: Summary, rule: str, observed: float, passed: bool
) -> None:
    judgement = verdict_on(busy, rule)
    assert judgement.observed == pytest.approx(observed, rel=0.02)
    assert judgement.passed is passed


def test_the_margin_is_the_distance_to_the_bound_as_a_share_of_it(busy: Summary) -> None:
    assert verdict_on(busy, "ttft.p50 < 90ms").margin == pytest.approx(0.5, abs=0.01)
    assert verdict_on(busy, "ttft.p50 < 30ms").margin == pytest.approx(-0.5, abs=0.01)
    assert verdict_on(busy, "calls.count >= 80").margin == pytest.approx(0.25)
    assert verdict_on(busy, "calls.count == 80").margin == pytest.approx(-0.25)
    assert verdict_on(busy, "errors.count <= 0").margin is None


def test_the_interval_holds_the_figure_and_a_close_call_is_called_one(busy: Summary) -> None:
    judgement = verdict_on(busy, "ttft.p50 < 46ms")
    assert judgement.interval is not None
    low, high = judgement.interval
    assert low < 0.045 < high
    assert "too close to call" in judgement.note
    assert verdict_on(busy, "ttft.p50 < 1s").note == ""


def test_a_percentile_beyond_the_sample_is_judged_and_marked(busy: Summary) -> None:
    judgement = verdict_on(busy, "ttft.p99 < 1s")
    assert judgement.passed
    assert judgement.note == "not enough samples: 90, p99 needs 662"


@pytest.mark.parametrize(
    ("rule", "note"),
    [
        ("ttft.p50{class=chta} < 1s", "there is no class 'chta' in the run (there are: chat, code)"),
        ("ttft.p50{tenant=a} < 1s", "there is no tenant 'a' in the run (there are: none)"),
        ("queue_wait.p50 < 1s", "no data"),
    ],
)
def test_what_left_no_data_is_named(busy: Summary, rule: str, note: str) -> None:
    judgement = verdict_on(busy, rule)
    assert (judgement.passed, judgement.observed) == (False, None)
    assert note in judgement.note


def _all_rules() -> list[str]:
    """A rule per statistic that any number would satisfy."""
    bounds = {Kind.DURATION: "0", Kind.SHARE: "0", Kind.RATE: "0/s", Kind.BYTES: "0"}
    pairs = [(metric, stat) for metric in metrics() for stat in stats_of(metric)]
    over = dict.fromkeys(OVER_METRICS, "{over=class}")
    over |= {"recovery": "{after=main}", "steady": "{phase=main}", "paired": "{target=b,against=a}"}
    return [
        f"{metric}.{stat}{over.get(metric, '')} >= {bounds.get(kind_of(metric, stat), '0')}" for metric, stat in pairs
    ]


@pytest.mark.parametrize("rule", _all_rules())
def test_a_run_without_any_call_fails_every_objective(rule: str) -> None:
    assert not verdict_on(Summary(), rule).passed
    assert not verdict_on(Run(10.0).done(), rule).passed


def test_a_run_of_failures_only_fails_a_latency_objective() -> None:
    summary = Run().calls(20, outcome=Outcome.CONNECT_ERROR).done()
    assert not verdict_on(summary, "ttft.p95 < 10s").passed
    assert verdict_on(summary, "errors.rate < 1%").observed == 1.0


PHASES = (PhaseInfo("warm-up", 0, 5, measure=False), PhaseInfo("main", 5, 10))


def test_unmeasured_phases_are_left_out() -> None:
    summary = Run(phases=PHASES).calls(50, 5.0, ttft=4.0, latency=4.5).call(6.0).call(9.9).done()
    assert verdict_on(summary, "ttft.max < 1s").passed
    assert verdict_on(summary, "calls.count == 2").passed
    assert verdict_on(summary, "rate.planned <= 1/s").observed == pytest.approx(0.4)
    assert verdict_on(summary, "rate.achieved >= 100%").passed
    assert "phase 'warm-up' is not measured" in verdict_on(summary, "ttft.max{phase=warm-up} < 9s").note


def test_a_phase_is_judged_on_its_own() -> None:
    phases = (PhaseInfo("low", 0, 5), PhaseInfo("high", 5, 10))
    run = Run(phases=phases).calls(10, 5.0)
    for n in range(40):
        run.call(5 + n / 8, ttft=0.5, latency=0.6)
    summary = run.done()
    assert verdict_on(summary, "ttft.p50{phase=low} < 200ms").passed
    assert not verdict_on(summary, "ttft.p50{phase=high} < 200ms").passed
    assert verdict_on(summary, "rate.planned{phase=high} >= 8/s").observed == pytest.approx(8.0, rel=0.15)


def test_tags_cut_results() -> None:
    run = Run(tags=("tenant",))
    run.calls(20, tags=(("tenant", "a"),)).calls(20, ttft=1.0, latency=1.1, tags=(("tenant", "b"),))
    summary = run.done()
    assert verdict_on(summary, "ttft.p50{tenant=a} < 500ms").passed
    assert not verdict_on(summary, "ttft.p50{tenant=b} < 500ms").passed


def test_a_window_finds_the_bad_stretch_that_the_whole_run_hides() -> None:
    run = Run(60.0)
    for n in range(600):
        bad = 300 <= n < 350
        run.call(n / 10, outcome=Outcome.HTTP_5XX if bad else Outcome.OK)
    summary = run.done()
    assert verdict_on(summary, "errors.rate < 10%").passed
    windowed = verdict_on(summary, "errors.rate < 10%", window=10.0)
    assert not windowed.passed
    assert windowed.observed == pytest.approx(0.5, abs=0.05)
    assert windowed.worst_window is not None
    start, end = windowed.worst_window
    assert end - start == 10
    assert start <= 31 <= end
    assert verdict_on(summary, "ttft.p50 < 200ms", window=10.0).passed


def test_a_window_longer_than_the_run_judges_the_run() -> None:
    judgement = verdict_on(Run(10.0).calls(50).done(), "ttft.p50 < 1s", window=300.0)
    assert judgement.passed
    assert judgement.samples == 50


def test_a_windowed_rate_looks_at_the_schedule_not_at_its_aftermath() -> None:
    summary = Run(20.0).calls(200, 20.0).call(19.9, latency=9.0).done()
    assert verdict_on(summary, "rate.succeeded > 8/s", window=5.0).passed


def test_a_windowed_latency_sees_the_calls_that_ended_after_the_schedule() -> None:
    summary = Run(20.0).calls(200, 20.0).call(19.9, ttft=8.0, latency=9.0).done()
    assert not verdict_on(summary, "ttft.max < 5s", window=5.0).passed


def aborting(rule: str, **options: float) -> Objective:
    return parse_objective(rule, abort=True, window=options.get("window", 0.0), delay=options.get("delay", 0.0))


def test_a_failure_beyond_doubt_stops_the_run_but_not_before_its_delay() -> None:
    summary = Run(60.0).calls(100, outcome=Outcome.HTTP_5XX).done()
    objective = aborting("errors.rate < 50%", delay=15.0)
    assert abort_due([objective], summary, 10.0) is None
    due = abort_due([objective], summary, 15.0)
    assert due is not None
    assert due.objective is objective
    assert not due.passed


@pytest.mark.parametrize(
    ("rule", "run"),
    [
        ("errors.rate < 50%", Run(60.0)),
        ("errors.rate < 50%", Run(60.0).call(1.0).call(2.0, outcome=Outcome.HTTP_5XX)),
        ("calls.count >= 900", Run(60.0).calls(10)),
        ("in_flight.max >= 50", Run(60.0).calls(10)),
        ("ttft.p99 < 50ms", Run(60.0).calls(100)),
        ("ttft.p50 < 200ms", Run(60.0).calls(100)),
    ],
)
def test_a_run_is_not_stopped_while_it_could_still_come_right(rule: str, run: Run) -> None:
    assert abort_due([aborting(rule)], run.done(), 10.0) is None


def test_a_rule_that_does_not_say_abort_never_stops_a_run() -> None:
    summary = Run(60.0).calls(100, outcome=Outcome.HTTP_5XX).done()
    assert abort_due([parse_objective("errors.rate < 1%")], summary, 10.0) is None


def test_a_live_window_is_the_latest_one() -> None:
    run = Run(60.0).calls(200, 10.0, outcome=Outcome.HTTP_5XX)
    for n in range(200):
        run.call(10 + n / 20)
    summary = run.done()
    objective = aborting("errors.rate < 50%", window=5.0)
    assert judge([objective], summary, latest=True)[0].passed
    assert not judge([objective], summary)[0].passed
    assert abort_due([objective], summary, 9.0) is not None
    assert abort_due([objective], summary, 20.0) is None


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 100, 0.0018, 0.0545)],
)
def test_wilson_intervals_agree_with_the_published_formula(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-4)


_TIMES = st.lists(st.floats(0.001, 3.0), min_size=0, max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    _TIMES,
    st.integers(0, 5),
    st.integers(1, 4000),
    st.integers(0, 4000),
    st.sampled_from(["p50", "p95", "mean", "max"]),
)
def test_a_looser_bound_never_turns_a_pass_into_a_fail(
    times: list[float], failures: int, bound: int, slack: int, stat: str
) -> None:
    run = Run(10.0)
    for n, ttft in enumerate(times):
        run.call(n / 2, ttft=ttft, latency=ttft + 0.1)
    summary = run.calls(failures, outcome=Outcome.HTTP_5XX).done()
    for window in (0.0, 3.0):
        strict = verdict_on(summary, f"ttft.{stat} < {bound}ms", window)
        loose = verdict_on(summary, f"ttft.{stat} < {bound + slack}ms", window)
        assert loose.passed or not strict.passed
        strict = verdict_on(summary, f"errors.rate <= {bound / 40:.4f}%", window)
        loose = verdict_on(summary, f"errors.rate <= {min(100.0, (bound + slack) / 40):.4f}%", window)
        assert loose.passed or not strict.passed


def test_every_direct_statistic_reads_a_number_from_a_real_run(busy: Summary) -> None:
    for metric, stats in DIRECT.items():
        if needs_track(metric) or metric in ("paired", "target", "efficiency"):
            continue  # each has a file of its own
        for stat in stats:
            if at_the_end(metric, stat):
                continue  # test_verdict_analysed.py
            kind = kind_of(metric, stat)
            bound = {Kind.RATE: "0/s", Kind.SHARE: "0%"}.get(kind, "0")
            over = "{over=class}" if metric in OVER_METRICS else ""
            assert verdict_on(busy, f"{metric}.{stat}{over} >= {bound}").passed, (metric, stat)


@pytest.mark.parametrize(
    ("passed", "note", "unproven"),
    [
        (True, "", False),
        (True, "not enough samples: 8, p95 needs 130", True),
        (True, "it grew; too close to call: the interval holds the bound", True),
        (False, "too close to call: the interval holds the bound", False),
    ],
)
def test_only_what_was_met_can_be_unproven(passed: bool, note: str, unproven: bool) -> None:
    assert Judgement(parse_objective("ttft.p95 < 1s"), passed, note=note).unproven is unproven
