"""The table of what the target made of what it used."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "verdict"))
from test_verdict_efficiency import BOTH, page, process, summary_of

from llmload.metrics.observed import Observed
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.reports.efficient import (
    EFFICIENCY_COLUMNS,
    efficiency_figures,
    efficiency_rows,
    efficiency_section,
)


def test_a_row_for_each_measured_phase() -> None:
    low, high = efficiency_figures(summary_of(**BOTH))
    assert (low["phase"], high["phase"]) == ("low", "high")
    assert low["used"] == {"cores": 0.5, "memory": 2e9, "replicas": 4.0}
    assert (low["output_per_core"], low["output_per_gb"], low["output_per_replica"]) == (240.0, 60.0, 30.0)
    assert high["output_per_core"] == 60.0


def test_what_nobody_saw_is_null_and_a_dash() -> None:
    summary = summary_of(server=process())
    assert efficiency_figures(summary)[0]["output_per_replica"] is None
    found = efficiency_rows(summary)
    assert found is not None
    assert [cell.plain for cell in found[0][0]][3] == "-"


def test_nothing_observed_no_table() -> None:
    assert efficiency_figures(summary_of()) == []
    assert efficiency_rows(summary_of(other=Observed("a page"))) is None
    assert list(efficiency_section(Summary(), 80)) == []


def test_nothing_done_no_table() -> None:
    idle = summary_of(**BOTH)
    idle.windows = {}
    assert efficiency_rows(idle) is None
    assert efficiency_figures(idle)[0]["used"]["cores"] == 0.5


def test_a_run_without_phases_is_one_row() -> None:
    summary = summary_of(**BOTH)
    summary.phases = ()
    assert [row["phase"] for row in efficiency_figures(summary)] == [""]


def test_it_fits_a_screen_and_says_how_many_phases_are_left_out() -> None:
    summary = summary_of(server=process(), scaler=page())
    summary.phases = tuple(PhaseInfo(f"p{at}", at / 2, at / 2 + 0.5) for at in range(40))
    lines = [line.plain for line in efficiency_section(summary, 80)]
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Efficiency")
    rows = efficiency_rows(summary)
    assert rows is not None
    assert all(len(row) == len(EFFICIENCY_COLUMNS) for row in rows[0])
