"""``llmload init``: write a first scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["init"]


def init(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")] = Path("scenario.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
) -> None:
    """Write a commented scenario to begin with. It runs as it is, against the embedded simulator."""
    from llmload.errors import OutputError, UsageError
    from llmload.scenario.starter import STARTER

    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(STARTER.replace("FILE", str(path)))
    except FileExistsError:
        raise UsageError(f"{path} is there already; choose another name, or replace it with --force") from None
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from None
    typer.echo(f"wrote {path}", err=True)
    typer.echo(f"try: llmload plan {path}\n     llmload run {path}", err=True)
