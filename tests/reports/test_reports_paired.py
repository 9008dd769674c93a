"""Pairs in reports: shown, described by the schema, and honest about what could not be compared."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import orjson
import reports_samples as samples
from test_reports_schema import closed

from llmload.clock import NS
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.records import Api, Call, Outcome, Record
from llmload.reports import json_report, text
from llmload.reports.result import Result
from llmload.reports.schema import SCHEMA


def summary(a: str = "a", b: str = "b", cls: str = "chat") -> Summary:
    recorder = Recorder(RecorderSetup(NS, pairs={cls: (a, b)}))
    for index in range(301):
        record = Record(Call(index, cls, (a, b)[index % 2], Api.CHAT, "m"), NS + index * NS // 10, "main")
        record.dispatched = record.sent = record.planned
        record.end = record.planned + (100 + 30 * (index % 2) + index % 7) * 1_000_000
        record.outcome = Outcome.HTTP_5XX if index == 43 else Outcome.OK
        recorder.add(record)
    return recorder.take()


def result(whole: Summary) -> Result:
    return replace(samples.result(), summary=whole)


def test_the_text_says_the_difference_and_what_is_left_out() -> None:
    said = text.render(result(summary()), width=120)
    row = next(line for line in said.splitlines() if "Latency" in line and "+30" in line)
    assert "149" in row
    assert "100%" in row
    assert "p <0.001" in row
    assert "b - a, chat" in said
    assert "left out, as a call of the pair failed: 1 of b" in said
    assert "1 call of paired classes had no partner" in said


def test_figures_are_described_and_in_seconds() -> None:
    document = orjson.loads(json_report.render(result(summary())))
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(document)
    pairs = document["figures"]["paired"]
    assert pairs["without_partner"] == 1
    found = pairs["compared"][0]["metrics"]["latency"]
    assert 0.029 < found["mean"] < 0.031
    assert found["mean_interval"][0] < found["mean"] < found["mean_interval"][1]
    assert found["above"] == 1.0
    assert found["p99"] is None
    assert Result.from_json(document).summary.pairs == summary().pairs


def test_names_that_others_wrote_are_harmless() -> None:
    said = text.render(result(summary(samples.HOSTILE, f"b{samples.HOSTILE}", samples.HOSTILE)), width=100)
    assert "\x1b" not in said
    assert all(len(line) <= 100 for line in said.splitlines())
