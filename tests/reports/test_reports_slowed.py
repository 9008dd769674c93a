"""Interference in reports: shown, described by the schema, and silent where nothing was alone."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import orjson
import reports_samples as samples
from test_reports_schema import closed

from llmload.clock import NS
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Api, Call, Outcome, Record
from llmload.reports import json_report, text
from llmload.reports.result import Result
from llmload.reports.schema import SCHEMA


def summary(chat: str = "chat", more: int = 1) -> Summary:
    infos = (PhaseInfo("alone", 0, 30), PhaseInfo("together", 30, 60))
    recorder = Recorder(RecorderSetup(NS, phases=infos))
    for index in range(600):
        phase = infos[index // 300]
        for cls in (chat, "embed")[: 1 + index // 300]:
            for _ in range(more if cls == chat and phase.name == "together" else 1):
                record = Record(Call(index, cls, "main", Api.CHAT, "m"), NS + index * NS // 10, phase.name)
                record.dispatched = record.sent = record.planned
                record.end = record.planned + (2 if phase.name == "together" else 1) * (100 + index % 7) * 1_000_000
                record.outcome = Outcome.OK
                recorder.add(record)
    whole = recorder.take()
    whole.elapsed = 60.0
    return whole


def result(whole: Summary) -> Result:
    return replace(samples.result(), summary=whole)


def test_the_text_says_how_much_slower_with_an_interval() -> None:
    said = text.render(result(summary()), width=120).splitlines()
    (row,) = (line for line in said if line.startswith("chat in together"))
    assert row.split()[3:7] == ["1.00x", "103ms", "206ms", "2.00x"]
    assert any("chat takes 2 times as long beside embed as alone" in line for line in said)


def test_more_load_of_its_own_is_said_and_no_insight_made_of_it() -> None:
    said = text.render(result(summary(more=2)), width=120)
    assert "chat has more load of its own in together than alone" in said
    assert "times as long beside" not in said


def test_figures_are_described_and_in_seconds() -> None:
    document = orjson.loads(json_report.render(result(summary())))
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(document)
    (found,) = document["figures"]["slowdown"]
    assert (found["service"], found["others"], found["alone"]) == ("chat", ["embed"], "alone")
    assert 0.1 < found["p50"]["alone"] < 0.107
    assert found["p50"]["interval"][0] <= found["p50"]["ratio"] <= found["p50"]["interval"][1]


def test_a_run_in_which_nothing_was_alone_has_no_such_section() -> None:
    assert "Slowdown" not in text.render(samples.result())


def test_names_that_others_wrote_are_harmless() -> None:
    assert "\x1b" not in text.render(result(summary("\x1b[31mchat")), width=100)
