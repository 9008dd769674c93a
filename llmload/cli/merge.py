"""``llmload merge``: the results of a run's segments as one."""

from __future__ import annotations

from typing import Annotated

import typer

from llmload.cli.speak import write_and_say

__all__ = ["merge"]


def merge(
    results: Annotated[
        list[str], typer.Argument(metavar="A B [C ...]", help="Result files; a pattern in quotes names several.")
    ],
    out: Annotated[str, typer.Option("--out", "-o", help='Where to write the result; "-" is standard output.')] = "-",
    force: Annotated[
        bool, typer.Option("--force", help="Add up results of different scenarios, or the same one twice.")
    ] = False,
    exit_status: Annotated[bool, typer.Option("--exit-status", help="End with the status of the whole run.")] = False,
) -> None:
    """Add up the results of one run that was made in parts: exactly what it would have had as a whole.

    Objectives are judged on the sum. The figures are as trustworthy as the worst of the parts. Seconds are counted
    from each part's own start.

    \b
    Examples:
      llmload merge part-1.json part-2.json --out run.json
      llmload merge 'part-*.json' --out run.json --exit-status
      llmload merge 'part-*.json' | llmload report -
    """
    from llmload.app.reading import result_at
    from llmload.app.sides import matching
    from llmload.reports import REPORTS
    from llmload.reports.merging import Part, merged

    paths = [path for given in results for path in matching(given)]
    whole = merged([Part(str(path), result_at(path)) for path in paths], force)
    write_and_say(out, REPORTS["json"](whole))
    if exit_status:
        raise typer.Exit(int(whole.exit_status()))
