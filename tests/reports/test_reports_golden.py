"""Whole reports against ones that a person has looked at.

After a change that is meant, run this file with ``LLMLOAD_UPDATE_GOLDEN=1`` and read the diff.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import reports_samples as samples

from llmload.reports import REPORTS, json_report
from llmload.reports.text import render

GOLDEN = Path(__file__).parent / "golden"


def steady(value: Any) -> Any:
    """Without what differs from one machine to the next: compressed bytes, the last digits of floats."""
    if isinstance(value, dict):
        return {key: "..." if key == "hdr" else steady(item) for key, item in value.items()}
    if isinstance(value, list):
        return [steady(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def document() -> str:
    """The JSON report, spread out to be read; of the windows, the first few."""
    made = json.loads(json_report.render(samples.result()))
    made["summary"]["windows"] = made["summary"]["windows"][:4]
    return json.dumps(steady(made), indent=1, ensure_ascii=False) + "\n"


def head(text: str, lines: int) -> str:
    return "".join(text.splitlines(keepends=True)[:lines])


def report(name: str, made: Any = samples.result) -> str:
    return REPORTS[name](made()).decode()


CASES = {
    "result-80.txt": lambda: render(samples.result(), 80),
    "result-120.txt": lambda: render(samples.result(), 120),
    "result-ascii.txt": lambda: render(samples.result(), 80, unicode=False),
    "interrupted-80.txt": lambda: render(samples.interrupted(), 80),
    "overloaded-80.txt": lambda: render(samples.overloaded(), 80),
    "hostile-80.txt": lambda: render(samples.hostile(), 80),
    "result.json": document,
    "result.md": lambda: report("markdown"),
    "hostile.md": lambda: report("markdown", samples.hostile),
    "overloaded.md": lambda: report("markdown", samples.overloaded),
    "interrupted.md": lambda: report("markdown", samples.interrupted),
    "result.xml": lambda: report("junit"),
    "interrupted.xml": lambda: report("junit", samples.interrupted),
    "hostile.xml": lambda: report("junit", samples.hostile),
    "result.csv": lambda: report("csv"),
    "result-windows.csv": lambda: head(report("csv-windows"), 12),
    "result.hgrm": lambda: report("hgrm"),
    "result.hlog": lambda: re.sub(r"HIST\S+", "...", head(report("hlog"), 16)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_report_is_as_it_was(name: str) -> None:
    made, path = CASES[name](), GOLDEN / name
    if os.environ.get("LLMLOAD_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")
