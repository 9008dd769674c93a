"""A traced run, over OTLP: the spans are those of the requests that the simulator saw, by its own log."""

from __future__ import annotations

import json
from pathlib import Path

from llmload.app.session import Options, run_plan
from llmload.cli.run_options import with_faults
from llmload.outputs.export import exporter
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
