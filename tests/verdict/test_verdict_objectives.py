"""Rules mean what they say, mistakes are named, and writing a rule out again changes nothing."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.records import Outcome
from llmload.verdict.kinds import Kind
from llmload.verdict.measures import DIRECT, OVER_METRICS, kind_of, metrics, stat_of, stats_of
from llmload.verdict.objectives import OPERATORS, Objective, parse_objective


@pytest.mark.parametrize(
    ("rule", "metric", "stat", "op", "value", "where"),
    [
        ("ttft.p95 < 500ms", "ttft", "p95", "<", 0.5, ()),
        ("ttft.p99.9<1m30s", "ttft", "p99.9", "<", 90.0, ()),
        ("errors.rate < 0.5%", "errors", "rate", "<", 0.005, ()),
        ("errors.count{outcome=http_5xx} <= 0", "errors", "count", "<=", 0.0, (("outcome", "http_5xx"),)),
        ("success.rate >= 99%", "success", "rate", ">=", 0.99, ()),
        ("rate.achieved >= 99%", "rate", "achieved", ">=", 0.99, ()),
        ("rate.sent > 45/s", "rate", "sent", ">", 45.0, ()),
        ("rate.completed > 600/min", "rate", "completed", ">", 10.0, ()),
        ("goodput.rate > 40/s", "goodput", "rate", ">", 40.0, ()),
        ("goodput.share >= 0.95", "goodput", "share", ">=", 0.95, ()),
        ("latency.p99{class=chat} < 3s", "latency", "p99", "<", 3.0, (("class", "chat"),)),
        ('latency.p99{class=chat, tenant="Acme, Inc."} < 3s', "latency", "p99", "<", 3.0,
         (("class", "chat"), ("tenant", "Acme, Inc."))),
        ("trend.latency{phase=soak} flat", "trend", "latency", "<=", 0.1, (("phase", "soak"),)),
        ("target.queue.trend flat", "target", "queue.trend", "<=", 0.1, ()),
        ("itl.max <= 2s", "itl", "max", "<=", 2.0, ()),
        ("tokens_per_second.mean > 50", "tokens_per_second", "mean", ">", 50.0, ()),
        ("tokens_per_second.mean > 50 tok/s", "tokens_per_second", "mean", ">", 50.0, ()),
        ("stall.share < 1%", "stall", "share", "<", 0.01, ()),
        ("throughput.output > 1,000 tokens/s", "throughput", "output", ">", 1000.0, ()),
        ("cost.total < $2.50", "cost", "total", "<", 2.5, ()),
        ("calls.count >= 900", "calls", "count", ">=", 900.0, ()),
        ("in_flight.max >= 2000", "in_flight", "max", ">=", 2000.0, ()),
        ("schedule_lag.p99 < 10ms", "schedule_lag", "p99", "<", 0.01, ()),
        ("ttft.count == 12", "ttft", "count", "==", 12.0, ()),
        ("output_tokens.p50 >= 100", "output_tokens", "p50", ">=", 100.0, ()),
        ("output_tokens.total >= 10_000", "output_tokens", "total", ">=", 10_000.0, ()),
    ],
)  # fmt: skip
def test_a_rule_is_read_into_its_parts(
    rule: str, metric: str, stat: str, op: str, value: float, where: tuple[tuple[str, str], ...]
) -> None:
    parsed = parse_objective(rule)
    assert (parsed.metric, parsed.stat, parsed.op, parsed.where) == (metric, stat, op, where)
    assert parsed.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("ttfb.p95 < 1s", ["no metric 'ttfb'", "did you mean 'ttft'"]),
        ("zebra.p95 < 1s", ["no metric 'zebra'", "there are: ttft"]),
        ("ttft.p95 flat", ["ttft.p95 is no growth that could be flat", "trend.latency flat"]),
        ("trend.latency flat < 3", ["compares nothing"]),
        (
            "target.cpu.man < 1",
            ["did you mean 'cpu.mean'?; it has: cpu.min, cpu.mean, cpu.max"],
        ),
        ("target.cpi.men < 1", ["did you mean", "it has: figures cpu, cores, memory"]),
        ("ttft < 1s", ["'ttft' needs a statistic", "ttft.p95"]),
        ("ttft.avrage < 1s", ["'ttft' has no statistic 'avrage'"]),
        ("ttft.p100 < 1s", ["no statistic 'p100'"]),
        ("ttft.p0 < 1s", ["no statistic 'p0'"]),
        ("errors.p95 < 1", ["'errors' has no statistic 'p95'", "rate, count"]),
        ("errors.rte < 1%", ["did you mean 'rate'"]),
        ("ttft.p95 = 1s", ['"=="']),
        ("ttft.p95 != 1s", ["< <= > >= =="]),
        ("ttft.p95", ["compares nothing"]),
        ("ttft.p95 <", ["no value after '<'"]),
        ("ttft.p95 < 500", ["the value of ttft.p95", "250ms", "not a duration"]),
        ("errors.rate < 5 percent", ["the value of errors.rate", "5%"]),
        ("errors.rate < 5", ['"5%"']),
        ("rate.sent > 45", ["50/s"]),
        ("cost.total < cheap", ["dollars"]),
        ("ttft.p95{clas=chat} < 1s", ["no filter 'clas'", "did you mean 'class'"]),
        ("ttft.p95{class} < 1s", ["'class' is not", "key=value"]),
        ("ttft.p95{class=} < 1s", ["key=value"]),
        ("ttft.p95{class=a,class=b} < 1s", ["'class' twice"]),
        ("ttft.p95{outcome=ok} < 1s", ["only errors can be cut by outcome"]),
        ("errors.count{outcome=http_500} < 1", ["no failure called 'http_500'", "did you mean 'http_5xx'"]),
        ("errors.count{outcome=ok} < 1", ["no failure called 'ok'"]),
        ("rate.sent{class=chat} > 1/s", ["rate.sent is kept by phase only", "'class'"]),
        ("goodput.rate{tenant=a} > 1/s", ["class and phase only", "'tenant'"]),
        ("< 5s", ["not an objective"]),
        ("", ["not an objective"]),
    ],
)
def test_a_mistake_is_named_with_what_was_probably_meant(rule: str, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        parse_objective(rule)
    for word in words:
        assert word in str(caught.value)


def test_tags_are_checked_where_they_are_known() -> None:
    assert parse_objective("ttft.p95{tenant=a} < 1s", tags=["tenant"]).where == (("tenant", "a"),)
    with pytest.raises(ValueError, match=r"not cut by 'tenent'; did you mean 'tenant'.*slice_by"):
        parse_objective("ttft.p95{tenent=a} < 1s", tags=["tenant"])


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("tpot.p95 < 50ms", "tpot.p95 is not kept second by second"),
        ("cost.total < 5", "cost.total is not kept second by second"),
        ("ttft.p95{tenant=a} < 1s", "not by 'tenant'"),
    ],
)
def test_a_window_over_what_is_not_kept_by_the_second_is_refused(rule: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_objective(rule, window=10.0)


def test_options_are_kept_and_shown() -> None:
    objective = parse_objective("errors.rate<1%", window=300.0, abort=True, delay=10.0, says="it broke", name="e")
    assert objective == Objective(
        "errors.rate < 1%", "errors", "rate", "<", 0.01, (), 300.0, True, 10.0, "it broke", "e"
    )
    assert str(objective) == "errors.rate < 1% in every 5 m 00 s"


_VALUES = {
    Kind.DURATION: st.sampled_from(["500ms", "1h30m", "2.5 s", "87us"]),
    Kind.SHARE: st.sampled_from(["0.5%", "99%", "0.25", "0"]),
    Kind.USE: st.sampled_from(["60%", "100%", "0.5"]),
    Kind.RATE: st.sampled_from(["50/s", "3/10s", "600 rpm"]),
    Kind.COUNT: st.sampled_from(["0", "1,000", "12.5"]),
    Kind.TOKENS: st.sampled_from(["150", "150 tokens"]),
    Kind.SPEED: st.sampled_from(["50", "50 tok/s", "50/s"]),
    Kind.MONEY: st.sampled_from(["$1.50", "2", "3 USD"]),
    Kind.BYTES: st.sampled_from(["64KiB", "512"]),
    Kind.RATIO: st.sampled_from(["1.2", "120%", "1.5x"]),
    Kind.PROBABILITY: st.sampled_from(["0.01", "5%"]),
    Kind.GROWTH: st.sampled_from(["10%", "0.1"]),
}
_TEXT = st.text(st.characters(exclude_characters='"{}', exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=12)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Any rule that is right, in any spelling."""
    metric = draw(st.sampled_from(metrics()))
    percentile = st.sampled_from(["p50", "p99.9", "p1", "p99.99"])
    stat = draw(st.sampled_from([stat for stat in stats_of(metric) if stat != "p95"]))
    if "p95" in stats_of(metric) and draw(st.booleans()):
        stat = draw(percentile)
    direct = stat_of(metric, stat)
    keys = sorted(direct.keys) if direct and direct.keys is not None else ["class", "target", "phase", "team"]
    where = draw(st.dictionaries(st.sampled_from(keys), _TEXT, max_size=3)) if keys else {}
    where |= {key: draw(_TEXT) for key in (direct.needs if direct else ()) if key not in where}
    if metric == "errors" and draw(st.booleans()):
        where["outcome"] = draw(st.sampled_from([outcome.value for outcome in Outcome if outcome.error]))
    if metric in OVER_METRICS:
        where["over"] = draw(st.sampled_from(["class", "instance"]))
    if metric == "paired":
        where |= {"target": "b", "against": "a"}
    filters = ",".join(f'{key}="{value}"' for key, value in where.items())
    space = draw(st.sampled_from(["", " ", "  "]))
    op, value = draw(st.sampled_from(sorted(OPERATORS))), draw(_VALUES[kind_of(metric, stat)])
    return f"{space}{metric}.{stat}{space}{'{' + filters + '}' if filters else ''}{space}{op}{space}{value}{space}"


@settings(max_examples=150, deadline=None)
@given(rules())
def test_a_rule_written_out_and_read_again_is_the_same(rule: str) -> None:
    objective = parse_objective(rule)
    assert parse_objective(objective.rule) == objective


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_objective(text).metric in metrics()


def test_every_direct_statistic_is_documented_and_reachable() -> None:
    for metric, stats in DIRECT.items():
        assert metric in metrics()
        for name, stat in stats.items():
            assert stat.help
            assert name in stats_of(metric)
