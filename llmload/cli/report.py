"""``llmload report``: show a saved result again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["report"]


def report(
    result: Annotated[str, typer.Argument(metavar="RESULT", help='A result file as --out wrote it; "-" reads stdin.')],
    format: Annotated[Literal["text", "json"], typer.Option(help="How to show it.")] = "text",
    out: Annotated[str, typer.Option(help='Where to write it; "-" is standard output.')] = "-",
    width: Annotated[int | None, typer.Option(min=60, max=500, help="Columns; the terminal's by default.")] = None,
    exit_status: Annotated[bool, typer.Option("--exit-status", help="End with the status of the run itself.")] = False,
) -> None:
    """Show a saved result again: the same report the run ended with, no target needed."""
    from llmload.reports import REPORTS, files, text
    from llmload.reports.result import parse_result
    from llmload.reports.style import style_for

    loaded = parse_result(_read(result), "standard input" if result == files.STDOUT else result)
    if format == "text":
        style = style_for(sys.stdout if out == files.STDOUT else None, width or 0)
        rendered = text.render(loaded, style.width, style.color, style.unicode).encode()
    else:
        rendered = REPORTS[format](loaded)
    files.write(out, rendered)
    if exit_status:
        raise typer.Exit(int(loaded.exit_status()))


def _read(source: str) -> bytes:
    from llmload.errors import ResultError

    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ResultError(f"can't read {source!r}: {error.strerror or error}") from error
