"""The command line: flags only, one file per command; everything heavy is imported inside the commands."""

from __future__ import annotations

import errno
import sys
from typing import NoReturn

import typer

from llmload.cli.bench import bench
from llmload.cli.calibrate import calibrate
from llmload.cli.compare import compare
from llmload.cli.data import data
from llmload.cli.env import env
from llmload.cli.history import history
from llmload.cli.init import init
from llmload.cli.merge import merge
from llmload.cli.ping import ping
from llmload.cli.plan import plan
from llmload.cli.plot import plot
from llmload.cli.report import report
from llmload.cli.run import run
from llmload.cli.scenarios import scenarios
from llmload.cli.schema import schema
from llmload.cli.search import search
from llmload.cli.sim import sim
from llmload.cli.speak import forsake_full_output, open_closed_streams, say
from llmload.cli.validate import validate
from llmload.errors import ExitStatus, LlmloadError, ScenarioError
from llmload.room import out_of_descriptors

__all__ = ["app", "main"]

_HELP = """Load generator for LLM HTTP APIs: exact schedules, chunk-exact timing, verdicts you can trust.

\b
Examples:
  llmload run quickstart                       a first run, against the built-in simulator
  llmload bench http://host:8000/v1 -m MODEL   an ad-hoc benchmark
  llmload init my.toml && llmload run my.toml  your own scenario

Exit status: 0 passed, 1 objectives failed, 2 usage, 3 run invalid, 4 target unreachable, 130 interrupted.
"""

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)
"""Why a write fails. All other places that are written to explain that themselves: what gets here is standard output,
which may hold nothing back (``PYTHONUNBUFFERED``) that a second try would show."""

app = typer.Typer(
    name="llmload",
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    run,
    bench,
    search,
    plan,
    scenarios,
    validate,
    init,
    schema,
    sim,
    report,
    plot,
    merge,
    compare,
    history,
    calibrate,
    ping,
    env,
):
    app.command()(command)
app.add_typer(data, name="data")


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
    except SystemExit as end:
        unwritten = forsake_full_output()
        if unwritten is None:
            raise
        _end_unwritten(unwritten, end)
    except LlmloadError as error:
        _end(error)
    except Exception as error:
        if lack := out_of_descriptors(error):
            _end(lack)
        if not isinstance(error, OSError) or error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        forsake_full_output()
        _end_unwritten(error, error)


def _end(error: LlmloadError) -> NoReturn:
    # A problem in a file begins with the file's name, so that terminals and editors can jump to it.
    say(f"{error}\n" if isinstance(error, ScenarioError) else f"llmload: {error}\n")
    forsake_full_output()
    sys.exit(int(error.status))


def _end_unwritten(error: OSError, cause: BaseException) -> NoReturn:
    """Standard output takes nothing more. Whoever has read it and is gone has seen enough, and needs no message."""
    if not isinstance(error, BrokenPipeError):
        say(f"llmload: standard output can't be written: {error.strerror or error}\n")
    raise SystemExit(int(ExitStatus.USAGE)) from cause
