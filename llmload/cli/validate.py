"""``llmload validate``: check scenario files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from llmload.errors import Problem

__all__ = ["validate"]


def validate(
    scenarios: Annotated[
        list[str],
        typer.Argument(metavar="SCENARIO", help='Scenario files, built-in names, or "-" for standard input.'),
    ],
    env: Annotated[
        str | None,
        typer.Option("--env", "-e", metavar="NAME", help="Check this environment only; by default all of them."),
    ] = None,
) -> None:
    """Check scenarios without sending anything: the file itself, each of its environments, its demonstration size.

    Every problem found is shown with its place and what would be right.
    """
    from llmload.errors import ExitStatus

    failed = False
    for name in scenarios:
        problems = list(dict.fromkeys(_problems(name, env)))
        for problem in problems:
            typer.echo(str(problem), err=True)
        if not problems:
            typer.echo(f"{name}: ok")
        failed = failed or bool(problems)
    if failed:
        raise typer.Exit(ExitStatus.USAGE)


def _problems(name: str, env: str | None) -> Iterator[Problem]:
    """What is wrong with a scenario in any of its variants."""
    from llmload.errors import ScenarioError
    from llmload.scenario.compile import compile_scenario
    from llmload.scenario.files import read_source
    from llmload.scenario.load import environments, load_scenario

    try:
        source = read_source(name)
        variants = [env] if env else [None, *environments(source)]
    except ScenarioError as error:
        yield from error.problems
        return
    for variant in variants:
        try:
            full = load_scenario(source, variant)
            compile_scenario(full)
            if full.has_demo:
                compile_scenario(load_scenario(source, variant, demo=True))
        except ScenarioError as error:
            yield from error.problems
