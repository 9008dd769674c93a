"""The command line: flags only, one file per command; everything heavy is imported inside the commands."""

from __future__ import annotations

import os
import sys

import typer

from llmload.cli.bench import bench
from llmload.cli.calibrate import calibrate
from llmload.cli.init import init
from llmload.cli.plan import plan
from llmload.cli.report import report
from llmload.cli.run import run
from llmload.cli.schema import schema
from llmload.cli.sim import sim
from llmload.cli.speak import open_closed_streams, say
from llmload.cli.validate import validate
from llmload.errors import ExitStatus, LlmloadError, ScenarioError

__all__ = ["app", "main"]

_HELP = """Load generator for LLM HTTP APIs: exact schedules, chunk-exact timing, verdicts you can trust.

\b
Examples:
  llmload run quickstart                       a first run, against the built-in simulator
  llmload bench http://host:8000/v1 -m MODEL   an ad-hoc benchmark
  llmload init my.toml && llmload run my.toml  your own scenario

Exit status: 0 passed, 1 objectives failed, 2 usage, 3 run invalid, 4 target unreachable, 130 interrupted.
"""

app = typer.Typer(
    name="llmload",
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, bench, plan, validate, init, schema, sim, report, calibrate):
    app.command()(command)


def _version(show: bool) -> None:
    if show:
        from llmload import __version__

        typer.echo(f"llmload {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    pass


def main() -> None:
    """Entry point of the ``llmload`` command."""
    open_closed_streams()
    try:
        app()
    except LlmloadError as error:
        # A problem in a file begins with the file's name, so that terminals and editors can jump to it.
        say(f"{error}\n" if isinstance(error, ScenarioError) else f"llmload: {error}\n")
        sys.exit(int(error.status))
    except BrokenPipeError:
        # Whoever read our standard output is gone; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitStatus.USAGE))
