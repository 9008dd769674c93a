"""``llmload report``: show a saved result again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmload.cli.speak import write_and_say
from llmload.reports import REPORTS

if TYPE_CHECKING:
    from llmload.reports.result import Result

__all__ = ["read_result", "report"]


def report(
    result: Annotated[
        str | None, typer.Argument(metavar="[RESULT]", help='A result file as --out wrote it; "-" reads stdin.')
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="The last run of this user on this machine that began and left a result.")
    ] = False,
    format: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"{', '.join(REPORTS)}; by default what --out ends in says it, else text."),
    ] = None,
    out: Annotated[str, typer.Option("--out", "-o", help='Where to write it; "-" is standard output.')] = "-",
    metric: Annotated[
        str | None, typer.Option(metavar="METRIC", help="Whose percentiles a hgrm is to show; latency by default.")
    ] = None,
    width: Annotated[int | None, typer.Option(min=60, max=500, help="Columns; the terminal's by default.")] = None,
    exit_status: Annotated[bool, typer.Option("--exit-status", help="End with the status of the run itself.")] = False,
) -> None:
    """Show a saved result again: the same report the run ended with, no target needed.

    Of a run that was killed, this shows how far it was a few seconds before.

    \b
    Examples:
      llmload report result.json
      llmload report result.json --out report.html
      llmload report --last --format html --out report.html
    """
    from llmload.errors import UsageError
    from llmload.reports import files, format_of, hgrm, report_named, text
    from llmload.reports.style import style_for

    chosen = format or format_of(out) or _text_for(out)
    render = report_named(chosen)
    if metric is not None and chosen != "hgrm":
        raise UsageError("--metric chooses what a hgrm is of: add --format hgrm; the other formats show every metric")
    source = _source(result, last)
    loaded = read_result(source)
    if chosen == "text":
        style = style_for(sys.stdout if out == files.STDOUT else None, width or 0)
        rendered = text.render(loaded, style.width, style.color, style.unicode, style.height).encode()
    elif metric is not None:
        rendered = hgrm.render(loaded, metric)
    else:
        rendered = render(loaded)
    write_and_say(out, rendered)
    if exit_status:
        raise typer.Exit(int(loaded.exit_status()))


def _text_for(out: str) -> str:
    """The text format, for what has no suffix; UsageError for a file whose suffix stands for no format."""
    from llmload.errors import UsageError
    from llmload.reports import files

    if Path(out).suffix and files.is_file(out):
        known = ", ".join(suffix for each in REPORTS.values() for suffix in each.suffixes)
        raise UsageError(f"--out: {out[:80]!r}: which format? Name a file that ends in one of {known}, or add --format")
    return "text"


def _source(result: str | None, last: bool) -> str:
    from llmload.app import history
    from llmload.errors import UsageError

    if last == (result is not None):
        raise UsageError("which result? Name a file that --out has written, or say --last")
    if result is not None:
        return result
    latest = history.latest()
    if latest is None:
        raise UsageError(f"no run has left a result in {str(history.directory())!r}: name a file that --out wrote")
    return str(latest)


def read_result(source: str) -> Result:
    """The result in a file, or on standard input ("-"); ResultError says what is wrong with it."""
    from llmload.app.reading import result_at
    from llmload.reports.result import parse_result

    return parse_result(sys.stdin.buffer.read(), "standard input") if source == "-" else result_at(Path(source))
