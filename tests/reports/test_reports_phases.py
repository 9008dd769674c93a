"""Phases against the baseline, as reports show them."""

from __future__ import annotations

from dataclasses import replace

import orjson
import reports_samples as samples

from llmload.metrics.summary import PhaseInfo, Summary
from llmload.reports import json_report
from llmload.reports.html import page
from llmload.reports.phases import phase_figures, phase_section


def compared() -> Summary:
    """The sample's steady phase, called the baseline."""
    whole = samples.summary()
    infos = tuple(replace(info, name="baseline") if info.name == "steady" else info for info in whole.phases)
    cells = {key._replace(phase=key.phase.replace("steady", "baseline")): cell for key, cell in whole.cells.items()}
    return replace(whole, phases=infos, cells=cells)


def test_the_table_has_a_row_for_each_phase_after_the_baseline() -> None:
    lines = [str(line) for line in phase_section(compared(), 80)]
    assert lines[0].split() == ["Against", "baseline", "rate", "latency", "95", "%", "interval", "failed", "more"]
    assert len(lines) == 2
    assert lines[1].startswith("spike ")
    assert "x to " in lines[1]
    assert "points" in lines[1]


def test_without_a_baseline_there_is_no_table() -> None:
    assert list(phase_section(samples.summary(), 80)) == []
    assert phase_figures(samples.summary()) is None


def test_the_document_holds_the_figures() -> None:
    made = orjson.loads(json_report.render(replace(samples.result(), summary=compared())))
    found = made["figures"]["against_baseline"]
    assert found["baseline"] == "baseline"
    assert [row["phase"] for row in found["phases"]] == ["spike"]
    assert found["phases"][0]["error_rate"] > 0


def test_names_of_phases_can_not_draw() -> None:
    evil = PhaseInfo("\x1b[2Jspike", 45.0, 60.0)
    whole = compared()
    hostile = replace(whole, phases=(*whole.phases[:2], evil))
    assert all("\x1b" not in str(line) for line in phase_section(hostile, 80))


def test_the_page_has_the_table_too() -> None:
    made = page.render(replace(samples.result(), summary=compared())).decode()
    table = made[made.index("<caption>Against baseline</caption>") :].partition("</table>")[0]
    assert "spike</th>" in table
    assert "points</td>" in table
    assert "Against" not in page.render(samples.result()).decode()
