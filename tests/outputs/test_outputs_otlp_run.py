"""A traced run, over OTLP: the spans are those of the requests that the simulator saw, by its own log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from virtual_run import plan_of

from llmload.app.session import Options, run_plan
from llmload.cli.run_options import with_faults
from llmload.outputs.export import exporter
from llmload.outputs.request_log import RequestLog
from llmload.scenario.compile import compile_scenario
from llmload.scenario.load import load_scenario
from llmload.tracing import is_sampled
from tests.outputs.otlp_receiver import metrics_of, plain, points_of, receiver

SHORT = ["load.duration=3s", "limits.drain=2s", "tracing.share=50%"]


def test_spans_are_those_of_the_requests_that_were_asked_to_be_recorded(tmp_path: Path) -> None:
    plan = with_faults(compile_scenario(load_scenario("quickstart", None, SHORT)), ["error:rate=20%"])
    truth = tmp_path / "truth.jsonl"
    with receiver() as collector:
        options = Options(2, outputs=(exporter(f"otlp:{collector.url}"),), truth_log=truth)
        result = run_plan(plan, options)
    seen = {line["traceparent"]: line for line in map(json.loads, truth.read_text().splitlines())}
    sampled = {parent: line for parent, line in seen.items() if is_sampled(parent)}
    assert 5 < len(sampled) < len(seen) == result.summary.sent
    spans = {f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01": span for span in collector.spans}
    assert len(spans) == len(collector.spans), "each once"
    assert spans.keys() == sampled.keys()
    assert [note for note in result.notes if "otlp" in note] == []
    streams = 0
    for parent, span in spans.items():
        line, found = sampled[parent], plain(span.attributes)
        failed = line["status"] >= 400
        assert found["http.response.status_code"] == line["status"]
        assert span.status.code == (2 if failed else 0)
        assert found.get("error.type") == (str(line["status"]) if failed else None)
        if not failed and "gen_ai.request.stream" in found:
            streams += 1
            assert found["gen_ai.usage.output_tokens"] == line["tokens"]
            (event,) = span.events
            took = line["content"][0] - line["received"]
            assert event.time_unix_nano - span.start_time_unix_nano >= took, "sent before, read after"
    assert streams
    failures = {parent for parent, line in sampled.items() if line["status"] >= 400}
    assert failures, "some of the sampled calls failed"
    (completed,) = points_of(metrics_of(collector.metrics[-1])["llmload.completed_calls"])
    assert completed.as_int == result.summary.completed


AGAIN = """
tracing = {}
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
max_tokens = 5
retry = "again"
conversation = { turns = 2, think = "100ms" }
[retries.again]
attempts = 3
first = "50ms"
[load]
process = "uniform"
rate = "20/s"
duration = "2s"
[sim]
faults = [{ kind = "error", status = 503, rate = 0.2 }]
"""


def test_attempts_and_turns_are_told_as_the_request_log_has_them(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    with receiver() as collector:
        run_plan(plan_of(AGAIN), Options(2, outputs=(exporter(f"otlp:{collector.url}"), RequestLog(log))))
    rows = {(row["trace_id"], row["span_id"]): row for row in map(json.loads, log.read_text().splitlines())}
    spans = {(span.trace_id.hex(), span.span_id.hex()): span for span in collector.spans}
    assert spans.keys() == rows.keys()
    assert len(spans) == len(collector.spans) > 60
    attempts, turns = set(), set()
    for ids, span in spans.items():
        row, found = rows[ids], plain(span.attributes)
        attempts.add(found["llmload.attempt"])
        turns.add(found["llmload.turn"])
        assert (found["llmload.index"], found["llmload.attempt"]) == (row["index"], row["attempt"])
        assert (found["llmload.outcome"], found["llmload.worker"]) == (row["outcome"], row["worker"])
        assert (span.end_time_unix_nano - span.start_time_unix_nano) * 1e-9 == about(row["end"] - row["sent"])
        waited = (span.start_time_unix_nano - found["llmload.planned_time_unix_nano"]) * 1e-9
        assert waited == about(row["sent"] - row["planned"])
        assert -0.002 < found["llmload.wait"] <= waited + 1e-9, "a timer of the next attempt rings a little early"
        assert found["llmload.wait"] == about(waited) or row["attempt"] > 1
        contents = [event.time_unix_nano - span.start_time_unix_nano for event in span.events]
        assert [content * 1e-9 for content in contents] == [
            about(row["first_content"] - row["sent"]) for _ in contents if row["first_content"]
        ]
    assert attempts >= {1, 2}
    assert turns == {0, 1}


def about(seconds: float) -> Any:
    """The request log is exact to the microsecond."""
    return pytest.approx(seconds, abs=2.1e-6)
