"""Results as bytes. A report is a function from a Result; a new one is a file and a line in ``REPORTS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from llmload.errors import UsageError

if TYPE_CHECKING:
    from llmload.reports.result import Result

__all__ = ["REPORTS", "Report", "format_of", "report_named", "target_of"]


@dataclass(frozen=True, slots=True)
class Report:
    """A format. ``module``, below this package, has a function ``render(result)``, whose text or bytes it is; it is
    imported when the first report is made. ``suffixes``: of files that are written so if no format is named."""

    module: str
    suffixes: tuple[str, ...] = ()

    def __call__(self, result: Result) -> bytes:
        """The report of ``result``."""
        render: Callable[[Result], str | bytes] = import_module(f"{__name__}.{self.module}").render
        made = render(result)
        return made if isinstance(made, bytes) else made.encode()


REPORTS: Final[Mapping[str, Report]] = {
    "json": Report("json_report", (".json",)),
    "text": Report("text", (".txt",)),
    "html": Report("html.page", (".html", ".htm")),
    "markdown": Report("markdown", (".md",)),
    "junit": Report("junit", (".xml",)),
    "csv": Report("csv_summary", (".csv",)),
    "csv-windows": Report("csv_windows"),
    "hlog": Report("hlog", (".hlog",)),
    "hgrm": Report("hgrm", (".hgrm",)),
}
"""By name. The text report for a terminal, with its width and colours, is ``text.render``."""


def report_named(name: str) -> Report:
    """One of ``REPORTS``; UsageError says which there are."""
    if name not in REPORTS:
        from llmload.scenario.suggest import did_you_mean

        hint = did_you_mean(name, REPORTS) or f"there are: {', '.join(REPORTS)}"
        raise UsageError(f"{name[:40]!r} is no format of a report; {hint}")
    return REPORTS[name]


def format_of(path: str) -> str | None:
    """The name of the format that a file's suffix stands for; None if it stands for none."""
    suffix = PurePath(path).suffix.lower()
    return next((name for name, report in REPORTS.items() if suffix in report.suffixes), None)


def target_of(given: str) -> tuple[Report, str]:
    """The report and the path in "FILE.html" or "html:FILE"; UsageError says how to write it."""
    name, colon, path = given.partition(":")
    if colon and name in REPORTS:
        if not path:
            raise UsageError(f"{given!r} names no file; write it like {name}:FILE")
        return REPORTS[name], path
    found = format_of(given)
    if found is None:
        known = ", ".join(suffix for report in REPORTS.values() for suffix in report.suffixes)
        raise UsageError(f"{given[:80]!r}: which format? Name a file that ends in one of {known}, or write FORMAT:FILE")
    return REPORTS[found], given
