"""Results as bytes. A report is a function from a Result; a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from llmload.reports import csv_summary, csv_windows, hgrm, hlog, json_report, junit, markdown, text
from llmload.reports.result import Result

__all__ = ["REPORTS", "Report"]

Report = Callable[[Result], bytes]

REPORTS: Final[Mapping[str, Report]] = {
    "json": json_report.render,
    "text": lambda result: text.render(result).encode(),
    "markdown": markdown.render,
    "junit": junit.render,
    "csv": csv_summary.render,
    "csv-windows": csv_windows.render,
    "hlog": hlog.render,
    "hgrm": hgrm.render,
}
"""By name. The text report for a terminal, with its width and colours, is ``text.render``."""
