"""What the page is told in words: the same figures as in the terminal, and no text that could do harm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dashboard_run as run
import orjson

from llmload.dashboard.digest import digest
from llmload.dashboard.frame import Frame
from llmload.dashboard.web.document import COLUMNS, about, state
from llmload.dashboard.web.files import page_files
from llmload.dashboard.web.panels import PANELS
from llmload.metrics.failures import ErrorGroup
from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.reports.charts.colours import DARK, LIGHT
from llmload.units import format_count, format_ns
from llmload.verdict.validity import Level, Reason, Validity


def told(frame: Frame) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(orjson.dumps(state(frame, digest(frame.summary))))
    return document


def test_the_figures_are_the_summary_s() -> None:
    frame = run.frame_at(100.0)
    rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in told(frame)["rows"]}
    assert list(rows) == ["all", "chat-short", "embed-batch", "summarise"]
    for name, row in rows.items():
        part = frame.summary.select(**({} if name == "all" else {"class": name}))
        assert row["calls"] == format_count(part.calls)
        ttft = part.histogram("ttft")
        assert row["TTFT p95"] == (format_ns(ttft.percentile(95) * 1e3) if ttft.count else "-")
        assert row["latency p99"] == format_ns(part.histogram("latency").percentile(99) * 1e3)


def test_objectives_stand_as_they_are_judged() -> None:
    frame = run.frame_at(100.0)
    standings = {each["rule"]: each["standing"] for each in told(frame)["objectives"]}
    assert standings == {
        str(each.objective): "none" if each.observed is None else "met" if each.passed else "missed"
        for each in frame.judgements
    }


def test_bounds_are_drawn_where_there_is_a_chart_of_the_figure() -> None:
    bounds = [each["bound"] for each in told(run.frame_at(100.0))["objectives"]]
    assert bounds[:2] == [
        {"column": "ttft.p95", "value": 0.5, "rule": "ttft.p95 < 500ms"},
        {"column": "itl.p99", "value": 0.03, "rule": "itl.p99 < 30ms"},
    ]
    assert bounds[2:] == [None, None, None]


def test_a_run_of_which_nothing_is_known_can_be_told() -> None:
    empty = Frame(title="", target="", summary=Summary(), stage="starting")
    assert told(empty)["rows"][0][:3] == ["all", "0", "-"]
    assert about(empty)["planned"] == []
    closed = replace(empty, users=7, stage="running", duration=10.0)
    assert ["users", "7"] in told(closed)["now"]


def test_what_is_planned_is_told_for_all_of_the_run() -> None:
    planned = about(run.frame_at(100.0))["planned"]
    assert len(planned) == 240
    assert planned[0][0] > 0
    assert planned[-1][0] < run.DURATION
    assert max(rate for _, rate in planned) == 90


def test_texts_of_others_are_bounded_lines_without_anything_that_acts() -> None:
    evil = "\x1b]0;x\x07\u202e<script>alert(1)</script>\n\r\x00" + "y" * 100_000
    frame = run.frame_at(100.0)
    summary = replace(frame.summary, errors={})
    for number in range(200):
        group = ErrorGroup(Outcome.HTTP_5XX, 503, count=number, sample=evil)
        summary.errors[Outcome.HTTP_5XX, 503, str(number)] = group
    reasons = (Reason("x", Level.SUSPECT, evil, evil),)
    frame = replace(
        frame, title=evil, target=evil, phase=evil, messages=(evil,) * 3, summary=summary,
        validity=Validity(Level.SUSPECT, reasons),
    )  # fmt: skip
    document = {**told(frame), **about(frame)}
    texts = list(_texts(document))
    assert all(text.isprintable() and len(text) <= 400 for text in texts)
    assert len(orjson.dumps(document)) < 60_000
    assert len(document["errors"]) == 12


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def test_every_line_has_a_colour_in_light_and_dark_and_a_pattern_of_its_own() -> None:
    sheet = page_files()["/page.css"][1].decode()
    for panel in PANELS:
        assert len({line.dash for line in panel.lines}) == len(panel.lines)
        for line in panel.lines:
            assert f".c-{line.colour} {{ stroke: var(--{line.colour}); }}" in sheet
            assert line.colour in LIGHT
            assert line.colour in DARK
