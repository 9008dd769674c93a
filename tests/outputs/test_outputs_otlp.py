"""OTLP: what a collector reads with the official messages is what the run counted; and collectors that are ill."""

from __future__ import annotations

import math
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.exponent_mapping import ExponentMapping
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import LogarithmMapping
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from llmload import __version__
from llmload.errors import UsageError
from llmload.metrics.histogram import Histogram
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.outputs.base import Output
from llmload.outputs.exponential import exponential
from llmload.outputs.export import Exporter, exporter
from llmload.outputs.otlp import Otlp
from llmload.outputs.points import BOUNDS
from llmload.outputs.semconv import SCHEMA_URL, operation, server
from llmload.records import Api, Outcome
from llmload.scenario.plan import Target
from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective
from tests.outputs.otlp_receiver import Receiver, metrics_of, plain, points_of, receiver
from tests.outputs.output_kit import START, Ended, OutputConformance, a_plan, a_record, a_summary
from tests.outputs.servers import free_port

SECRET = "sk-SECRET123"
EXPLICIT = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"


class TestOtlp(OutputConformance):
    """A collector that is not there is told in mid-run: it may come back."""

    def make(self, tmp_path: Path) -> Output:
        return exporter(f"otlp:http://127.0.0.1:{free_port()}")

    def test_a_place_that_cannot_be_written_is_told_before_the_run_and_named(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        made.start(a_plan())
        made.update(a_summary(), a_summary())
        made.finish(Ended(a_summary()))
        said = made.messages()  # type: ignore[attr-defined]
        assert said == ["otlp takes nothing: no connection to it", "otlp: 2 of 2 parcels lost"]


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def _mixed(good: int, bad: int) -> Summary:
    recorder = Recorder(RecorderSetup(START, (PhaseInfo("main", 0.0, 2.0),)))
    for index in range(good + bad):
        made = a_record(index, Outcome.OK if index < good else Outcome.HTTP_5XX)
        recorder.planned(made.planned)
        recorder.sent(made.sent)
        recorder.add(made)
    return recorder.take()


def _told(collector: Receiver, *summaries: Summary) -> tuple[list[dict[str, Any]], list[str], Summary]:
    """What arrived of each tick and of the end, what was said, and everything."""
    made, total = exporter(f"otlp:{collector.url}"), Summary()
    made.start(a_plan())
    for summary in summaries:
        total.merge(summary)
        made._due = 0.0
        made.update(summary, total)
    made.finish(Ended(total))
    return [metrics_of(request) for request in collector.metrics], made.messages(), total


def _one(metric: Any, **attributes: str) -> Any:
    """The point with these attributes."""
    wanted = {name.replace("__", "."): value for name, value in attributes.items()}
    (found,) = [point for point in points_of(metric) if wanted.items() <= plain(point.attributes).items()]
    return found


def test_counts_are_those_of_the_run_and_only_grow(collector: Receiver) -> None:
    told, said, total = _told(collector, _mixed(10, 0), _mixed(3, 2))
    assert said == []
    assert [points_of(each["llmload.completed_calls"])[0].as_int for each in told] == [10, 15, 15]
    last, cell = told[-1], total.select()
    for name, value in (
        ("planned_calls", total.planned), ("sent_calls", total.sent), ("goodput_calls", cell.goodput),
        ("input_tokens", cell.input_tokens), ("output_tokens", cell.output_tokens), ("stalls", cell.stalls),
    ):  # fmt: skip
        metric = last[f"llmload.{name}"]
        assert sum(point.as_int for point in points_of(metric)) == value
        assert metric.sum.is_monotonic
        assert metric.sum.aggregation_temporality == 2, "cumulative"
    outcomes = {plain(point.attributes)["llmload.outcome"]: point.as_int for point in points_of(last["llmload.calls"])}
    assert outcomes == {str(outcome): count for outcome, count in cell.outcomes.items()} == {"ok": 13, "http_5xx": 2}
    (in_flight,) = points_of(last["llmload.in_flight_calls"])
    assert last["llmload.in_flight_calls"].WhichOneof("data") == "gauge"
    assert in_flight.as_int >= 0
    starts = {point.start_time_unix_nano for each in told for metric in each.values() for point in points_of(metric)}
    assert len(starts) == 1, "one start of all series"


def test_distributions_hold_every_call_by_the_names_of_the_conventions(collector: Receiver) -> None:
    told, _, total = _told(collector, _mixed(13, 2))
    last, cell = told[-1], total.select()
    operations = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "sim-model",
        "server.address": "127.0.0.1", "server.port": 1,
        "llmload.class": "chat", "llmload.target": "main", "llmload.phase": "main",
    }  # fmt: skip
    good, failed = sorted(points_of(last["gen_ai.client.operation.duration"]), key=lambda point: -point.count)
    assert plain(good.attributes) == operations
    assert plain(failed.attributes) == operations | {"error.type": "_OTHER"}
    assert (good.count, failed.count) == (13, 2)
    assert good.sum == pytest.approx(cell.histogram("latency_send").total * 1e-6)
    tokens = last["gen_ai.client.token.usage"]
    assert _one(tokens, gen_ai__token__type="input").sum == cell.input_tokens
    assert _one(tokens, gen_ai__token__type="output").sum == cell.output_tokens
    (first,) = points_of(last["gen_ai.client.operation.time_to_first_chunk"])
    (gaps,) = points_of(last["gen_ai.client.operation.time_per_output_chunk"])
    assert (first.count, gaps.count) == (13, 39)
    (ttft,) = points_of(last["llmload.ttft"])
    assert (ttft.count, ttft.min, ttft.max) == (13, pytest.approx(0.05), pytest.approx(0.05))
    assert last["llmload.ttft"].unit == "s"


def test_an_objective_whose_figure_is_a_count_is_told(collector: Receiver) -> None:
    (judgement,) = judge([parse_objective("success.count > 3")], a_summary(5))
    assert judgement.observed == 5
    made = exporter(f"otlp:{collector.url}")
    made.start(a_plan())
    made.finish(Ended(a_summary(5), (judgement,)))
    told = metrics_of(collector.metrics[0])
    for name, value in (("objective_observed", 5.0), ("objective_met", 1.0)):
        (point,) = points_of(told[f"llmload.{name}"])
        assert point.as_double == value
        assert plain(point.attributes) == {"llmload.rule": "success.count > 3"}


def test_names_are_those_of_the_conventions() -> None:
    names = {value for name, value in vars(gen_ai_metrics).items() if name.startswith("GEN_AI_")}
    assert {"gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.client.operation.time_per_output_chunk", "gen_ai.client.token.usage"} <= names  # fmt: skip
    values = {each.value for each in gen_ai_attributes.GenAiOperationNameValues}
    assert {operation(api, "openai") for api in (Api.CHAT, Api.COMPLETIONS, Api.EMBEDDINGS)} <= values
    assert operation(Api.CHAT, "gemini") in values
    assert operation(Api.HTTP, "http") == operation(Api.MODELS, "openai") == ""
    assert server(Target("x", "https://api.example/v1")) == {"server.address": "api.example", "server.port": 443}
    assert server(Target("x", "http://h/v1", unix_socket="/run/s")) == {"server.address": "/run/s"}


def test_who_tells_it_is_said(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=core%20infra,service.name=x")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "loader")
    _told(collector, a_summary())
    for request in collector.metrics:
        (whole,) = request.resource_metrics
        named = plain(whole.resource.attributes)
        assert len(named.pop("service.instance.id")) == 36
        assert named == {
            "service.name": "loader", "service.version": __version__, "llmload.scenario": "kit", "team": "core infra",
        }  # fmt: skip
        assert whole.schema_url == whole.scope_metrics[0].schema_url == SCHEMA_URL
        assert whole.scope_metrics[0].scope.name == "llmload"


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=80))
def test_exponential_buckets_hold_what_belongs_in_them(values: list[int]) -> None:
    histogram = Histogram()
    histogram.record(values)
    made = exponential(histogram, 1e-6)
    assert len(made.counts) <= 160
    assert made.zeros == values.count(0)
    assert made.zeros + sum(made.counts) == len(values)
    base = 2.0 ** (2.0**-made.scale)
    edges = base ** np.arange(made.offset, made.offset + len(made.counts) + 1)
    exact = np.sort([value * 1e-6 for value in values if value])
    ends = np.cumsum(made.counts).astype(int) if made.counts else np.array([], int)
    for low, high, begin, end in zip(edges, edges[1:], [0, *ends], ends, strict=False):
        mine = exact[begin:end]
        assert ((mine > low * 0.999) & (mine <= high * 1.001)).all(), "to the width of one of our own buckets"


@given(st.integers(1, 10**10), st.integers(-4, 8))
def test_buckets_are_numbered_as_the_official_sdk_does(value: int, scale: int) -> None:
    mapping = (LogarithmMapping if scale > 0 else ExponentMapping)(scale)
    assert math.ceil(math.log2(value * 1e-6) * 2.0**scale) - 1 == mapping.map_to_index(value * 1e-6)


def test_a_distribution_has_the_buckets_that_the_official_sdk_finds() -> None:
    histogram = Histogram()
    histogram.record([3, 70, 70, 1_000, 25_000, 25_001, 1_999_999])
    made = exponential(histogram, 1e-6)
    middles, counts = histogram.nonzero()
    found: dict[int, int] = {}
    for middle, count in zip(middles.tolist(), counts.tolist(), strict=True):
        place = LogarithmMapping(made.scale).map_to_index(middle * 1e-6)
        found[place] = found.get(place, 0) + count
    assert {made.offset + n: count for n, count in enumerate(made.counts) if count} == found


def test_narrow_distributions_are_told_finely_and_wide_ones_whole() -> None:
    narrow, wide = Histogram(), Histogram()
    narrow.record(list(range(100_000, 140_000)))
    wide.record([1, 10**10])
    made = exponential(narrow, 1e-6)
    assert made.scale == 8
    assert made.width == pytest.approx(0.0027, rel=0.01)
    middle = int(np.searchsorted(np.cumsum(made.counts), 20_000))
    median = (2.0**2.0**-8) ** (made.offset + middle + 0.5)
    assert median == pytest.approx(0.12, rel=0.0027)
    assert exponential(wide, 1e-6).scale == 2
    assert len(exponential(wide, 1e-6).counts) <= 160


def test_values_on_a_bound_are_below_it() -> None:
    histogram = Histogram()
    histogram.record([1, 2, 4, 8])
    made = exponential(histogram, 1.0)
    step = 2**made.scale
    assert [made.offset + n for n, count in enumerate(made.counts) if count] == [k * step - 1 for k in range(4)]


def test_fixed_classes_where_they_are_asked_for(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXPLICIT, "explicit_bucket_histogram")
    told, _, _ = _told(collector, a_summary(7))
    (ttft,) = points_of(told[-1]["llmload.ttft"])
    assert tuple(ttft.explicit_bounds) == BOUNDS
    assert sum(ttft.bucket_counts) == ttft.count == 7
    (place,) = [n for n, count in enumerate(ttft.bucket_counts) if count]
    assert BOUNDS[place - 1] < 0.05 <= BOUNDS[place] * 1.001
    (duration,) = points_of(told[-1]["gen_ai.client.operation.duration"])
    assert len(duration.explicit_bounds) == 14
    assert math.isclose(duration.explicit_bounds[-1], 81.92)
    monkeypatch.setenv(EXPLICIT, "some")
    with pytest.raises(UsageError, match="write base2_exponential_bucket_histogram or explicit_bucket_histogram"):
        exporter("otlp")


def test_what_came_in_where_that_is_preferred(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parcels add up to the run, each begins where the one before ended, and gauges are as ever."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    told, said, total = _told(collector, _mixed(10, 0), _mixed(3, 2))
    assert said == []
    assert len(told) == 3
    cell = total.select()

    def summed(name: str, figure: str) -> float:
        return float(sum(getattr(point, figure) for each in told if name in each for point in points_of(each[name])))

    assert summed("llmload.completed_calls", "as_int") == 15
    assert summed("llmload.output_tokens", "as_int") == cell.output_tokens
    assert summed("llmload.calls", "as_int") == 15
    assert summed("llmload.ttft", "count") == cell.histogram("ttft").count == 13
    assert summed("llmload.ttft", "sum") == pytest.approx(cell.histogram("ttft").total * 1e-6)
    assert summed("gen_ai.client.operation.duration", "count") == 15
    ends = 0
    for each in told:
        (calls,) = points_of(each["llmload.completed_calls"])
        assert each["llmload.completed_calls"].sum.aggregation_temporality == 1, "delta"
        assert calls.start_time_unix_nano == ends or not ends
        ends = calls.time_unix_nano
        assert each["llmload.in_flight_calls"].WhichOneof("data") == "gauge"
    assert told[0]["llmload.ttft"].exponential_histogram.aggregation_temporality == 1


# -- the environment


def test_headers_and_the_place_come_from_the_environment(
    collector: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{collector.url}/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"api-key={SECRET},x-a=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-a=two%20words")
    made = exporter("otlp")
    made.start(a_plan())
    made.finish(Ended(a_summary()))
    (headers,) = collector.headers
    assert headers["api-key"] == SECRET
    assert headers["x-a"] == "two words"
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "application/x-protobuf"
    assert SECRET not in str(collector.metrics[0])
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    made = exporter("otlp")
    made.start(a_plan())
    made.finish(Ended(a_summary()))
    assert "content-encoding" not in collector.headers[-1]


def test_an_endpoint_for_metrics_alone_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://h:1/in/metrics?x=1")
    assert _url("otlp") == "http://h:1/in/metrics?x=1"
    assert _url("otlp:http://g:2/otlp") == "http://g:2/otlp/v1/metrics", "what is asked for comes first"
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    assert _url("otlp") == "http://localhost:4318/v1/metrics"


def _url(given: str) -> str:
    made = exporter(given).sink
    assert isinstance(made, Otlp)
    return made._metrics.url


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", SECRET, "item 1 .not shown. is no NAME=VALUE"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"a b={SECRET}", "none of HTTP"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"a=%0d%0ax:{SECRET}", "none of HTTP"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "'zstd' is not known; write gzip or none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://me:{SECRET}@h", "OTEL_EXPORTER_OTLP_ENDPOINT: no password in the URL"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "ENDPOINT: that is no http"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "nowhere", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: that is no http"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h/?a=1", "ends in its path"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team", "is no NAME=VALUE"),
    ],
)
def test_an_environment_that_can_not_be_used_is_refused_without_showing_it(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=said) as refused:
        exporter("otlp")
    assert "SECRET" not in str(refused.value)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("llmload.outputs.otlp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2", None)
    with pytest.raises(UsageError, match=r"--export otlp needs an extra: pip install 'llmload\[otlp\]'"):
        exporter("otlp")


# -- collectors that are ill


def test_a_collector_that_fails_is_told_without_the_key_it_repeats(
    collector: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{SECRET}")
    collector.status, collector.answer = 500, f"\x1b[31mno {SECRET}\n".encode()
    _, said, _ = _told(collector, a_summary())
    assert said == ["otlp takes nothing: HTTP 500: no [hidden]", "otlp: 2 of 2 parcels lost"]


def test_what_is_refused_for_now_is_sent_once_more(collector: Receiver) -> None:
    collector.refusing = 1
    _, said, _ = _told(collector, a_summary())
    assert said == []
    first, again, last = collector.metrics
    assert first == again != last


def test_what_a_collector_takes_only_in_part_is_counted(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-key={SECRET}")
    partial = ExportMetricsPartialSuccess(rejected_data_points=3, error_message=f"too \x1b[1mmany {SECRET}")
    collector.answer = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    _, said, _ = _told(collector, a_summary())
    assert said == [
        "otlp refuses some of what it takes (3 data points): too many [hidden]",
        "otlp: 6 data points refused",
    ]


def test_a_warning_is_told_once(collector: Receiver) -> None:
    partial = ExportMetricsPartialSuccess(error_message="old client")
    collector.answer = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    _, said, _ = _told(collector, a_summary())
    assert said == ["otlp warns: old client"]


@pytest.mark.parametrize(
    ("answer", "content_type", "said"),
    [
        (b"<html>hello", "text/html", "it answers with text/html, which is not OTLP"),
        (b"\xff\xff\xff", "application/x-protobuf", "its answer is damaged"),
        (b"\x0a" * 70_000, "application/x-protobuf", "its answer is too long"),
    ],
)
def test_what_is_no_collector_takes_nothing(collector: Receiver, answer: bytes, content_type: str, said: str) -> None:
    collector.answer, collector.content_type = answer, content_type
    _, messages, _ = _told(collector, a_summary())
    assert messages == [f"otlp takes nothing: {said}", "otlp: 2 of 2 parcels lost"]


def test_answers_of_json_and_of_nothing_are_good(collector: Receiver) -> None:
    collector.answer, collector.content_type = b"{}", "application/json"
    assert _told(collector, a_summary())[1] == []
    collector.answer, collector.content_type = b"", "text/plain"
    assert _told(collector, a_summary())[1] == []


def test_an_answer_without_end_is_given_up(collector: Receiver) -> None:
    collector.endless = True
    before = time.monotonic()
    _, messages, _ = _told(collector, a_summary())
    assert time.monotonic() - before < 4
    assert messages == ["otlp takes nothing: its answer is too long", "otlp: 2 of 2 parcels lost"]


def test_a_collector_that_never_answers_holds_nothing_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made, one = exporter(f"otlp:http://127.0.0.1:{silent.getsockname()[1]}"), a_summary(1)
        made.start(a_plan())
        before = time.monotonic()
        for _ in range(200):
            made._due = 0.0
            made.update(one, one)
        assert time.monotonic() - before < 20, "no wait of 3 s for each"
        before = time.monotonic()
        made.finish(Ended(one))
        assert time.monotonic() - before < 9
    assert made.messages()[-1] == "otlp: 201 of 201 parcels lost"


def test_an_exporter_of_its_own_clock_says_when(collector: Receiver) -> None:
    clock = [4e9]
    made = Exporter("otlp", exporter(f"otlp:{collector.url}").sink, lambda: clock[0])
    made.start(a_plan())
    made.finish(Ended(a_summary()))
    (found,) = points_of(metrics_of(collector.metrics[0])["llmload.completed_calls"])
    assert found.time_unix_nano == 4 * 10**18
