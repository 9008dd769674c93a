"""Spans over OTLP: what a collector reads of them, and what becomes of those it can't take."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace as api
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from llmload.app.call_log import CallLog
from llmload.outputs.base import Traces
from llmload.outputs.export import Exporter, exporter
from llmload.records import Api, Call, Outcome, Record, Usage
from llmload.scenario.plan import Plan
from llmload.tracing import Tracing
from tests.outputs.otlp_receiver import Receiver, plain, receiver
from tests.outputs.output_kit import MS, START, Ended, a_plan, a_record, a_summary
from tests.outputs.servers import free_port

TRACING = Tracing(1.0, run=0xABC)
SECRET = "sk-SECRET123"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def _plan() -> Plan:
    return replace(a_plan(), tracing=TRACING)


def _record(index: int = 0, outcome: Outcome = Outcome.OK, tracing: Tracing = TRACING) -> Record:
    made = a_record(index, outcome)
    made.trace = tracing.traceparent(index)
    return made


def _told(collector: Receiver, *records: Record, plan: Plan | None = None, left_out: int = 0) -> list[str]:
    """Tell of the records; what was said."""
    made = exporter(f"otlp:{collector.url}")
    assert isinstance(made, Traces)
    made.start(plan or _plan())
    made.traced(records, left_out, START, 1.8e9)
    made.finish(Ended(a_summary()))
    return made.messages()


def test_a_call_is_a_span_with_the_ids_that_its_request_carried(collector: Receiver) -> None:
    assert _told(collector, _record(3)) == []
    (span,) = collector.spans
    carrier = {"traceparent": TRACING.traceparent(3)}
    context = api.get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    assert context.is_valid
    assert int.from_bytes(span.trace_id, "big") == context.trace_id
    assert int.from_bytes(span.span_id, "big") == context.span_id
    assert span.flags == context.trace_flags | 0x100, "sampled; that it has no remote parent is known"
    assert (span.name, span.kind, span.parent_span_id) == ("chat sim-model", 3, b"")
    sent = 1_800_000_000 * 10**9 + 300 * MS + MS
    assert span.start_time_unix_nano == sent
    assert span.end_time_unix_nano == sent + 80 * MS
    (event,) = span.events
    assert (event.name, event.time_unix_nano) == ("llmload.first_content", sent + 49 * MS)
    assert span.status.code == 0
    assert plain(span.attributes) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "sim-model",
        "gen_ai.request.stream": True, "server.address": "127.0.0.1", "server.port": 1,
        "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 4, "http.response.status_code": 200,
        "gen_ai.response.time_to_first_chunk": 0.049,
        "llmload.class": "chat", "llmload.target": "main", "llmload.phase": "main", "llmload.index": 3,
        "llmload.turn": 0, "llmload.attempt": 1, "llmload.worker": 0, "llmload.outcome": "ok",
        "llmload.token_source": "estimated", "llmload.wait": 0.001, "llmload.tag.tier": "gold",
        "llmload.planned_time_unix_nano": sent - MS,
    }  # fmt: skip
    (request,) = collector.requests["/v1/traces"]
    resource = plain(request.resource_spans[0].resource.attributes)
    assert resource["llmload.run.id"] == f"{0xABC:016x}"
    (metrics,) = collector.metrics
    assert plain(metrics.resource_metrics[0].resource.attributes) == resource


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        (Outcome.HTTP_5XX, 502, "502"),
        (Outcome.HTTP_429, 429, "429"),
        (Outcome.TIMEOUT_TOTAL, 200, "timeout_total"),
        (Outcome.CONNECT_ERROR, 0, "connect_error"),
        (Outcome.CANCELLED, 200, None),
        (Outcome.EXPECTED_STATUS, 401, None),
    ],
)
def test_calls_that_the_target_failed_are_errors(
    collector: Receiver, outcome: Outcome, status: int, error: str | None
) -> None:
    made = _record(outcome=outcome)
    made.status, made.detail = status, "why"
    _told(collector, made)
    (span,) = collector.spans
    found = plain(span.attributes)
    assert found.get("error.type") == error
    assert found.get("http.response.status_code") == (status or None)
    assert (span.status.code, span.status.message) == ((2, "why") if error else (0, ""))


def test_attempts_are_spans_of_one_trace_that_wait_from_when_they_were_due(collector: Receiver) -> None:
    first, second = _record(outcome=Outcome.HTTP_503), _record()
    second.attempt, second.trace = 2, TRACING.traceparent(0, 0, 2)
    second.due, second.sent, second.end = first.end + 50 * MS, first.end + 52 * MS, first.end + 90 * MS
    _told(collector, first, second)
    one, two = collector.spans
    assert one.trace_id == two.trace_id
    assert one.span_id != two.span_id
    assert plain(two.attributes)["llmload.wait"] == pytest.approx(0.002)
    assert plain(two.attributes)["llmload.attempt"] == 2


def test_what_a_target_says_breaks_nothing(collector: Receiver) -> None:
    made = _record(outcome=Outcome.HTTP_5XX)
    made.detail = "half a pair \ud800, \x1b[31mred"
    made.answer.model, made.answer.finish = "m\ud800\n" * 5000, "\x00stop"
    made.answer.usage = Usage(input=1 << 80, output=3)
    made.labels = (("pod", "a\u202eb"),)
    _told(collector, made)
    (span,) = collector.spans
    found = plain(span.attributes)
    assert found["gen_ai.usage.input_tokens"] == (1 << 63) - 1
    assert len(found["gen_ai.response.model"]) <= 1000
    assert found["llmload.tag.pod"] == "ab"
    assert span.status.message == "half a pair , red"
    assert found["gen_ai.response.finish_reasons"] == ["stop"]


def test_what_is_no_generative_ai_is_called_by_its_class(collector: Receiver) -> None:
    made = _record()
    made.call = Call(0, "search", "main", Api.HTTP, "")
    _told(collector, made)
    (span,) = collector.spans
    assert span.name == "http search"
    assert "gen_ai.operation.name" not in plain(span.attributes)


def test_a_run_that_is_not_traced_tells_no_spans_and_keeps_no_calls(collector: Receiver) -> None:
    _told(collector, _record(), plan=a_plan())
    assert collector.spans == []
    (metrics,) = collector.metrics
    assert "llmload.run.id" not in plain(metrics.resource_metrics[0].resource.attributes)
    outputs = (exporter(f"otlp:{collector.url}"),)
    assert not CallLog(outputs, False, traced=False).wanted
    assert CallLog(outputs, False, traced=True).wanted
    assert not CallLog((exporter("prometheus:0"),), False, traced=True).wanted


# -- the channel


class Tracer:
    """An output that keeps the calls it is given."""

    name = "tracer"

    def __init__(self) -> None:
        self.seen: list[Record] = []
        self.left_out = 0

    def start(self, plan: Plan) -> None: ...

    def update(self, delta: Any, total: Any) -> None: ...

    def finish(self, result: Any) -> None: ...

    def traced(self, calls: Any, left_out: int, start: int, wall: float) -> None:
        self.seen += calls
        self.left_out += left_out
        assert start == START


def test_only_calls_whose_trace_is_sampled_are_handed_on() -> None:
    tracer = Tracer()
    log = CallLog((tracer,), False, traced=True)
    few, none = Tracing(0.25, 1), a_record(0)
    for record in (none, *(_record(index, tracing=few) for index in range(400))):
        log.add(record)
    log.flush(START)
    assert {record.trace[-2:] for record in tracer.seen} == {"01"}
    assert 60 < len(tracer.seen) < 140
    log.flush(START)
    assert len(tracer.seen) < 140, "each once"


def test_no_more_calls_are_handed_on_than_can_be_told_and_the_others_are_counted() -> None:
    tracer = Tracer()
    log = CallLog((tracer,), False, traced=True)
    for _ in range(2):
        for index in range(600):
            log.add(_record(index))
        log.flush(START)
    assert len(tracer.seen) == 1000
    assert tracer.left_out == 200


# -- collectors that are ill


def test_spans_that_are_left_out_or_lost_are_counted_as_spans(collector: Receiver) -> None:
    collector.status = 503
    said = _told(collector, *(_record(index) for index in range(700)), left_out=30)
    assert said == [
        "otlp takes nothing: HTTP 503",
        "otlp: 1 of 1 parcel lost",
        "otlp traces: too many calls are sampled to make a span of each; trace a smaller share",
        "otlp traces: no spans of 30 sampled calls",
        "otlp traces takes nothing: HTTP 503",
        "otlp traces: 700 of 700 spans lost",
    ]
    sizes = [len(each.resource_spans[0].scope_spans[0].spans) for each in collector.requests["/v1/traces"]]
    assert sizes == sorted(sizes, reverse=True)
    assert {*sizes} == {512, 188}, "tried more than once, as it may pass"


def test_spans_that_a_collector_refuses_are_counted(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", f"x-key={SECRET}")
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message=f"no {SECRET}")
    collector.answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    said = _told(collector, _record(0), _record(1))
    assert "otlp refuses some of what it takes (2 spans): no [hidden]" in said
    assert "otlp: 2 spans refused" in said
    sent = [headers for headers in collector.headers if "x-key" in headers]
    assert len(sent) == 1, "that of traces alone"


def test_a_dead_collector_holds_the_end_up_once_for_both() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = exporter(f"otlp:http://127.0.0.1:{silent.getsockname()[1]}")
        assert isinstance(made, Traces)
        made.start(_plan())
        calls = [_record(index) for index in range(50)]
        before = time.monotonic()
        for _ in range(100):
            made.traced(calls, 0, START, 1.8e9)
        assert time.monotonic() - before < 20, "no wait of 3 s for each"
        before = time.monotonic()
        made.finish(Ended(a_summary()))
        assert time.monotonic() - before < 9.5
    said = made.messages()
    assert said[-1] == "otlp traces: 5,000 of 5,000 spans lost"


def test_every_other_kind_wants_no_calls() -> None:
    made = exporter(f"influxdb:http://127.0.0.1:{free_port()}/x")
    assert isinstance(made, Exporter)
    assert not isinstance(made, Traces)
