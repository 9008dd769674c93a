"""The slowest calls in reports: which they were, and by what ids they are found."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import orjson
import reports_samples as samples
from test_reports_schema import closed

from llmload.metrics.slowest import SlowCall
from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.reports import REPORTS, json_report, text
from llmload.reports.merging import Part, merged
from llmload.reports.result import Result, parse_result
from llmload.reports.schema import SCHEMA
from llmload.reports.slowest import slowest_rows
from llmload.tracing import Tracing

MS = 1_000_000


def slow(cls: str = "chat", index: int = 1, ms: int = 900, **more: object) -> SlowCall:
    made = SlowCall(
        ms * MS, 12_000 * MS, index, 0, 1, cls, "main", "small", "steady", Outcome.OK, 200, 100 * MS, "", "",
    )  # fmt: skip
    return replace(made, **more)


def result(*calls: SlowCall) -> Result:
    by_class = {each.cls: [other for other in calls if other.cls == each.cls] for each in calls}
    return replace(samples.result(), summary=Summary(slowest=by_class))


def table(*calls: SlowCall) -> list[list[str]]:
    found = slowest_rows(result(*calls).summary)
    assert found is not None
    return [[column.title for column in found.columns], *([cell.plain for cell in row] for row in found.rows)]


def test_a_call_without_ids_has_no_columns_for_them() -> None:
    assert table(slow()) == [
        ["Slowest calls", "latency", "TTFT", "at", "outcome", "target"],
        ["chat 1", "900ms", "100ms", "12.0s", "ok", "main"],
    ]


def test_turns_attempts_and_calls_without_content_are_told() -> None:
    (_, row, other) = table(slow(turn=2, attempt=3), slow(index=2, ttft=0, outcome=Outcome.TIMEOUT_TOTAL))
    assert row[0] == "chat 1.2 (attempt 3)"
    assert (other[2], other[4]) == ("-", "timeout_total")


def test_room_is_shared_by_the_classes_the_slowest_first() -> None:
    calls = [slow(cls, n, ms - n) for cls, ms in (("a", 500), ("b", 900), ("c", 700)) for n in range(10)]
    rows = [row[0] for row in table(*calls)[1:]]
    assert rows == ["b 0", "b 1", "c 0", "c 1", "a 0", "a 1"]
    many = [slow(f"c{n}", n, 1000 - n) for n in range(9)]
    assert [row[0] for row in table(*many)[1:]] == [f"c{n} {n}" for n in range(6)]


def test_ids_are_shown_where_there_are_any_and_those_not_sampled_are_marked() -> None:
    sampled, other = Tracing(1, 7).traceparent(1), Tracing(0, 7).traceparent(2)
    calls = slow(request_id="req-1", trace=sampled), slow(index=2, trace=other)
    (heads, first, second) = table(*calls)
    assert heads[-2:] == ["request id", "trace id"]
    assert first[-2:] == ["req-1", sampled[3:35]]
    assert second[-2:] == ["-", f"{other[3:35]}*"]
    assert "* not sampled" in text.render(result(*calls))
    assert "* not sampled" not in text.render(result(calls[0]))


def test_one_of_those_shown_is_sampled_if_any_is() -> None:
    calls = [slow(index=n, ms=900 - n, trace=Tracing(n == 8, 7).traceparent(n)) for n in range(10)]
    assert [row[0] for row in table(*calls)[1:]] == ["chat 0", "chat 1", "chat 2", "chat 3", "chat 4", "chat 8"]


def test_figures_are_described_in_seconds_and_say_who_was_sampled() -> None:
    made = result(slow(request_id="r", trace=Tracing(1, 7).traceparent(1)), slow(index=2, ttft=0, status=0))
    document = orjson.loads(json_report.render(made))
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(document)
    one, other = document["figures"]["slowest"]
    assert (one["class"], one["planned"], one["latency"], one["ttft"], one["request_id"]) == ("chat", 12, 0.9, 0.1, "r")
    assert (one["trace_id"], one["sampled"]) == (Tracing(1, 7).traceparent(1)[3:35], True)
    assert (other["ttft"], other["status"], other["trace_id"], other["sampled"]) == (None, None, "", False)


def test_a_result_is_read_back_with_them_and_one_written_before_without() -> None:
    written = orjson.loads(json_report.render(samples.result()))
    assert parse_result(orjson.dumps(written), "r.json").summary.slowest == samples.result().summary.slowest
    del written["summary"]["slowest"], written["figures"]["slowest"]
    old = parse_result(orjson.dumps(written), "r.json")
    assert old.summary.slowest == {}
    assert "Slowest" not in text.render(old)
    assert b"Slowest" not in REPORTS["markdown"](old) + REPORTS["html"](old)


def test_merged_parts_have_the_slowest_of_both() -> None:
    one = replace(result(*(slow(index=n, ms=100 + n) for n in range(0, 20, 2))), started="2026-01-01T00:00:00Z")
    other = replace(result(*(slow(index=n, ms=100 + n) for n in range(1, 20, 2))), started="2026-01-01T00:00:09Z")
    found = merged([Part("a", one), Part("b", other)]).summary.slowest["chat"]
    assert [each.index for each in found] == list(range(19, 9, -1))
