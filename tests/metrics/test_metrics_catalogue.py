from __future__ import annotations

import dataclasses

import pytest
from metrics_kit import MS, S, record

from llmload.metrics.catalogue import METRICS, Unit, format_value, scale
from llmload.metrics.reading import PICO, Reading, TokenPrices
from llmload.records import Api, Outcome, Record, Usage


def value(name: str, of: Record) -> int | None:
    metric = METRICS[name]
    assert metric.value is not None
    return metric.value(Reading(of, {}))


def test_every_row_can_be_shown_and_looked_up_by_its_name() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert len(metric.title) <= 20
        assert len(metric.help) > 10
        assert scale(metric) > 0
        assert format_value(metric, 12_345)
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)


def test_times_to_first_token_count_from_the_plan_and_from_the_sending() -> None:
    call = record(ttft_ms=100)
    assert value("ttft", call) == 100 * MS
    assert value("ttft_send", call) == 98 * MS


def test_a_reasoning_stream_has_its_first_output_later_than_its_first_token() -> None:
    call = record(ttft_ms=100)
    call.answer.first_output = call.planned + 400 * MS
    assert value("ttft", call) == 100 * MS
    assert value("ttfo", call) == 400 * MS


def test_the_latency_of_a_good_stream_ends_with_its_last_content() -> None:
    call = record(ttft_ms=100, gaps_ms=(20, 30))
    call.end += 5 * S
    assert value("latency", call) == 150 * MS
    assert value("latency_send", call) == 148 * MS


@pytest.mark.parametrize(
    "call",
    [
        record(stream=False, duration_ms=300),
        record(ttft_ms=-1, outcome=Outcome.EXPECTED_STATUS, duration_ms=300),
    ],
    ids=["whole body", "nothing streamed"],
)
def test_without_content_latency_is_the_time_to_the_end_and_there_is_no_ttft(call: Record) -> None:
    assert value("latency", call) == 300 * MS
    for name in ("ttft", "ttft_send", "ttfo", "tpot", "tokens_per_second"):
        assert value(name, call) is None


def test_the_latency_of_a_failed_stream_is_the_time_until_it_failed() -> None:
    call = record(ttft_ms=100, gaps_ms=(20,), outcome=Outcome.TRUNCATED)
    call.end = call.planned + 900 * MS
    assert value("latency", call) == 900 * MS
    assert value("ttft", call) == 100 * MS


def test_time_per_output_token_spreads_the_stream_over_the_tokens_after_the_first() -> None:
    call = record(gaps_ms=(30, 30), usage=Usage(output=7))
    assert value("tpot", call) == 10 * MS
    assert value("tokens_per_second", call) == 100_000  # thousandths


@pytest.mark.parametrize("gaps", [(), (0, 0)])
def test_a_stream_without_duration_has_no_speed(gaps: tuple[int, ...]) -> None:
    assert value("tokens_per_second", record(gaps_ms=gaps)) is None


def test_one_token_has_no_time_per_output_token() -> None:
    assert value("tpot", record(gaps_ms=(30, 30), usage=Usage(output=1))) is None


def test_schedule_lag_and_queue_wait_share_the_calls_between_them() -> None:
    prompt, queued = record(), record()
    queued.queued = True
    assert (value("schedule_lag", prompt), value("queue_wait", prompt)) == (1 * MS, None)
    assert (value("schedule_lag", queued), value("queue_wait", queued)) == (None, 1 * MS)


def test_phases_of_dialling_exist_for_new_connections_only() -> None:
    fresh = record()
    fresh.reused, fresh.dns, fresh.tcp, fresh.tls, fresh.upload = False, 1, 2, 3, 4
    assert [value(name, fresh) for name in ("connect", "dns", "tcp", "tls", "upload")] == [1 * MS, 1, 2, 3, 4]
    assert [value(name, record()) for name in ("connect", "dns", "tcp", "tls", "upload")] == [None] * 5


def test_a_call_that_never_left_has_no_times() -> None:
    call = Record(record().call, planned=5)
    for name, metric in METRICS.items():
        if metric.unit is Unit.TIME and metric.value:
            assert value(name, call) is None


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (record(usage=Usage(11, 22, 3, 4)), (11, 22, "usage")),
        (record(gaps_ms=(1, 1, 1)), (50, 4, "estimated")),
        (record(usage=Usage(input=11)), (11, 3, "estimated")),
        (record(stream=False), (50, None, "none")),
        (record(stream=False, usage=Usage(9, 8)), (9, 8, "usage")),
        (record(stream=False, api=Api.EMBEDDINGS, usage=Usage(input=9)), (9, None, "usage")),
        (record(stream=False, api=Api.EMBEDDINGS), (50, None, "estimated")),
        (record(stream=False, api=Api.MODELS, input_tokens=0), (None, None, "none")),
    ],
)
def test_tokens_are_the_servers_count_else_an_estimate_that_says_so(
    call: Record, expected: tuple[int | None, int | None, str]
) -> None:
    reading = Reading(call, {})
    assert (reading.input_tokens, reading.output_tokens, reading.source) == expected


PRICES = {"main": TokenPrices.per_million((1.0, 2.0, 0.5, 0.001))}


def test_cost_is_tokens_times_prices_plus_the_request() -> None:
    reading = Reading(record(usage=Usage(1000, 500, 400)), PRICES)
    assert reading.cost == round((600 * 1.0 + 400 * 0.5 + 500 * 2.0) * PICO / 10**6 + 0.001 * PICO)
    assert METRICS["cost"].value is not None
    shown = METRICS["cost"].value(reading)
    assert shown is not None
    assert format_value(METRICS["cost"], shown) == "$0.0028"


def test_cached_tokens_without_a_price_cost_what_input_tokens_do() -> None:
    assert TokenPrices.per_million((1.0, 2.0, 0.0, 0.0)).cached == TokenPrices.per_million((1.0, 2.0, 0.0, 0.0)).input


def test_what_was_answered_with_an_error_costs_nothing_but_a_broken_stream_does() -> None:
    assert Reading(record(outcome=Outcome.HTTP_5XX, ttft_ms=-1), PRICES).cost is None
    assert Reading(record(outcome=Outcome.TRUNCATED), PRICES).cost
    assert Reading(record(target="free"), PRICES).cost is None


def test_values_are_shown_in_the_units_people_use() -> None:
    shown = {unit: format_value(dataclasses.replace(METRICS["ttft"], unit=unit), 12_345) for unit in Unit}
    assert shown == {
        Unit.TIME: "12.3 ms",
        Unit.TOKENS: "12,345",
        Unit.COUNT: "12,345",
        Unit.SPEED: "12.3/s",
        Unit.MONEY: "$1.2e-05",
        Unit.BYTES: "12.1 KiB",
    }
    assert format_value(METRICS["tokens_per_second"], 2_000_000) == "2,000/s"
    assert [format_value(METRICS["cost"], value) for value in (0, 123e9)] == ["$0.00", "$123.00"]
