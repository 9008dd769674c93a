"""The error bar in the document and in the text, and what a document without one is."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
import reports_samples as samples

from llmload.errors import ResultError
from llmload.metrics.precision import Deviation, ErrorBar
from llmload.reports import json_report
from llmload.reports.result import Result, parse_result
from llmload.reports.schema import SCHEMA
from llmload.reports.text import render

LATE = Deviation(310e-6, 290e-6, 1.2e-3, 300e-6, 800e-6)
GAPS = Deviation(-2e-6, 90e-6, 700e-6, -10e-6, 400e-6)
BAR = ErrorBar("2026-02-28T09:00:00+00:00", 120.0, 4800.0, 0.182, metrics={"ttft": LATE, "itl": GAPS})


def result(bar: ErrorBar | None = BAR) -> Result:
    return replace(samples.result(), error_bar=bar)


def told(bar: ErrorBar, width: int = 80) -> str:
    return " ".join(render(result(bar), width).partition("Error bar")[2].split())


def test_a_document_gives_the_error_bar_back() -> None:
    data = json_report.render(result())
    jsonschema.validate(json.loads(data), SCHEMA)
    assert parse_result(data, "result.json").error_bar == BAR


def test_a_document_from_before_there_were_error_bars_is_read() -> None:
    document = json.loads(json_report.render(result()))
    del document["error_bar"]
    jsonschema.validate(document, SCHEMA)
    assert Result.from_json(document).error_bar is None


@pytest.mark.parametrize(
    "damaged", [{"metrics": {"ttft": {"bias": "late"}}}, {"metrics": {"nonsense": {}}}, {"calls": None}, "large"]
)
def test_a_damaged_error_bar_is_named(damaged: object) -> None:
    document = json.loads(json_report.render(result()))
    bar = document["error_bar"]
    document["error_bar"] = bar | damaged if isinstance(damaged, dict) else damaged
    with pytest.raises(ResultError, match="error_bar"):
        Result.from_json(document)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_it_stands_under_the_verdict_on_the_figures_with_what_it_rests_on(width: int) -> None:
    text = render(result(), width)
    assert text.index("The figures are") < text.index("\nError bar ") < text.index("\nnote: ")
    said = told(BAR, width)
    assert "TTFT +310 µs 290 µs 1.20 ms" in said
    assert "Chunk gap -2.00 µs 90.0 µs 700 µs" in said
    assert "at 120/s and 4,800 events/s per worker, 18.2% of its ceiling, as calibrated on 2026-02-28" in said
    assert "against a simulator on the same machine" in said
    assert "disturbed" not in said
    assert "more than was calibrated" not in said


def test_percentiles_that_are_read_too_high_are_told_where_there_is_room() -> None:
    assert "TTFT +310 µs 290 µs 1.20 ms +300 µs +800 µs" in told(BAR, 100)


def test_its_limit_is_told() -> None:
    assert "this load is more than was calibrated" in told(replace(BAR, beyond=True))


def test_a_disturbed_bar_of_an_earlier_result_is_not_shown() -> None:
    said = render(result(replace(BAR, disturbed=True)), 80)
    assert "No error bar: the calibration was made on a disturbed machine" in said
    assert "310 µs" not in said


def test_without_calls_with_events_none_are_told() -> None:
    assert "at 120/s per worker" in told(replace(BAR, events=0.0))


def test_without_a_calibration_nothing_is_said() -> None:
    assert "Error bar" not in render(result(None))


def test_hostile_text_stays_out_of_the_terminal() -> None:
    assert "\x1b" not in render(result(replace(BAR, calibrated="\x1b[2J\x07pwned")))
