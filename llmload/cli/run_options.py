"""What every command that makes requests shares: its options, and the way from a Plan to an exit status."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from llmload.cli.speak import say

if TYPE_CHECKING:
    from llmload.reports.result import Result
    from llmload.scenario.plan import Plan

__all__ = [
    "AllowInvalid", "Chunks", "DisplayMode", "FailOn", "Fault", "Json", "Out", "Requests", "Workers", "Yes",
    "carry_out", "with_faults",
]  # fmt: skip

Out = Annotated[
    list[str] | None, typer.Option("--out", "-o", metavar="FILE", help="Save the result (JSON) here. May be repeated.")
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help='The result as JSON; "-" is standard output, for pipes.')
]
Requests = Annotated[
    str | None, typer.Option(metavar="FILE", help="Log every call here: one line of JSON each; .gz compresses.")
]
Chunks = Annotated[bool, typer.Option("--chunks", help="With --requests: the time of every chunk, too.")]
FailOn = Annotated[
    list[str] | None,
    typer.Option("--fail-on", "-f", metavar="RULE", help="One more objective, e.g. 'ttft.p95<500ms'. May be repeated."),
]
Fault = Annotated[
    list[str] | None,
    typer.Option(metavar="KIND:...", help="Make the embedded simulator fail, e.g. 'error:rate=20%'. May be repeated."),
]
DisplayMode = Annotated[
    Literal["auto", "live", "plain", "quiet"], typer.Option("--display", help="How to show progress, on stderr.")
]
Workers = Annotated[int, typer.Option("--workers", "-w", min=1, max=64, help="Processes that share the load.")]
AllowInvalid = Annotated[
    bool, typer.Option("--allow-invalid", help="Let objectives alone decide the exit status; the report still says it.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before a run that costs money.")]


def with_faults(plan: Plan, faults: list[str] | None) -> Plan:
    """``plan`` with the simulator told to fail so. Raises UsageError."""
    if not faults:
        return plan
    from llmload.app.simulated import is_simulated
    from llmload.errors import UsageError
    from llmload.sim.spec import SimSpec, parse_fault

    if not is_simulated(plan):
        raise UsageError("--fault is for the embedded simulator, and no target of this run is sim:")
    return replace(plan, sim=(plan.sim or SimSpec()).with_faults([parse_fault(fault) for fault in faults]))


def carry_out(
    plan: Plan,
    out: list[str] | None,
    json: str | None,
    requests: str | None,
    chunks: bool,
    display: Literal["auto", "live", "plain", "quiet"],
    workers: int,
    yes: bool,
    allow_invalid: bool,
) -> None:
    """Run, report, and exit with the run's status."""
    from llmload.app.session import Options, run_plan
    from llmload.dashboard.live import choose_display, stderr_console
    from llmload.outputs.base import Output
    from llmload.outputs.request_log import RequestLog
    from llmload.reports import files

    _ask(plan, yes)
    destinations = [*(out or ()), *([json] if json else ())]
    for destination in destinations:
        files.check_writable(destination)
    outputs: tuple[Output, ...] = (RequestLog(Path(requests)),) if requests else ()
    options = Options(workers, choose_display(stderr_console(), display), outputs, chunks)
    result = run_plan(plan, options)
    _report(result, destinations)
    raise typer.Exit(int(_status(result, allow_invalid)))


def _status(result: Result, allow_invalid: bool) -> int:
    from llmload.errors import ExitStatus

    status = result.exit_status()
    if allow_invalid and status is ExitStatus.INVALID:
        met = all(judgement.passed for judgement in result.judgements)
        return ExitStatus.PASS if met else ExitStatus.FAIL
    return status


def _ask(plan: Plan, yes: bool) -> None:
    from llmload.app.consent import consent_needed, refuse_without_yes

    question = consent_needed(plan)
    if not question or yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise refuse_without_yes(question)
    if not typer.confirm(f"{question} Go on?", err=True):
        raise typer.Exit(2)


def _report(result: Result, destinations: list[str]) -> None:
    """The result to every destination, and the summary for people: on stdout unless JSON goes there.

    A destination that can't be written (a disk that is full by now) takes nothing from the others. Raises OutputError.
    """
    from llmload.errors import OutputError
    from llmload.reports import REPORTS, files, text
    from llmload.reports.style import style_for

    people = sys.stderr if files.STDOUT in destinations else sys.stdout
    style = style_for(people)
    document = REPORTS["json"](result)
    failed: list[OutputError] = []
    for destination in destinations:
        try:
            files.write(destination, document)
        except OutputError as error:
            failed.append(error)
    summary = text.render(result, style.width, style.color, style.unicode)
    if people is sys.stdout:
        files.write(files.STDOUT, summary.encode(errors="replace"))
    else:
        say(summary)
    if failed:
        raise failed[0]
