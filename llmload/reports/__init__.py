"""Results as bytes. A report is a function from a Result; a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from llmload.reports import json_report, text
from llmload.reports.result import Result

__all__ = ["REPORTS", "Report"]

Report = Callable[[Result], bytes]

REPORTS: Final[Mapping[str, Report]] = {
    "json": json_report.render,
    "text": lambda result: text.render(result).encode(),
}
"""By name. The text report for a terminal, with its width and colours, is ``text.render``."""
