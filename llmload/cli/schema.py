"""``llmload schema``: the JSON Schemas of our files."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

__all__ = ["schema"]


def schema(
    of: Annotated[
        Literal["scenario", "result", "search"], typer.Argument(metavar="scenario|result|search", help="Of which file.")
    ] = "scenario",
) -> None:
    """Print the JSON Schema of scenario files of results, or of what a search found, for editors and other programs."""
    import json

    if of == "scenario":
        from llmload.scenario.schema import scenario_schema

        document = scenario_schema()
    elif of == "search":
        from llmload.reports.searched import SEARCH_SCHEMA

        document = SEARCH_SCHEMA
    else:
        from llmload.reports.schema import SCHEMA

        document = SCHEMA
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
