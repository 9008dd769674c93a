"""What every command that makes requests shares: its options, and the way from a Plan to an exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from llmload.cli.speak import say
from llmload.errors import ExitStatus

if TYPE_CHECKING:
    from llmload.app.saving import Saving
    from llmload.cli.repeating import Again
    from llmload.cli.web_options import OnWeb
    from llmload.dashboard.web.display import Page
    from llmload.outputs.base import Output
    from llmload.outputs.request_log import RequestLog
    from llmload.reports.result import Result
    from llmload.scenario.plan import Export as Told
    from llmload.scenario.plan import Plan

__all__ = [
    "AllowInvalid", "Chunks", "DisplayMode", "Export", "FailOn", "Fault", "How", "Json", "NoExport", "Out", "ReportTo",
    "Requests", "RequestsLimit", "SkipPreflight", "Streamed", "Workers", "Yes", "ask", "carry_out", "parse_workers",
    "with_faults",
]  # fmt: skip

Out = Annotated[
    list[str] | None, typer.Option("--out", "-o", metavar="FILE", help="Save the result (JSON) here. May be repeated.")
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help='The result as JSON; "-" is standard output, for pipes.')
]
ReportTo = Annotated[
    list[str] | None,
    typer.Option(
        "--report", metavar="FILE",
        help="Write a report, too; its suffix says which format, or FORMAT:FILE does. May be repeated.",
    ),
]  # fmt: skip
Export = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND:WHERE",
        help="Tell another system while the run lasts: prometheus:9464, influxdb:URL/DB, statsd:HOST:PORT, ... "
        "(docs/outputs.md). May be repeated.",
    ),
]
NoExport = Annotated[bool, typer.Option("--no-export", help="Leave out the scenario's [export] tables.")]
Streamed = Annotated[
    str | None, typer.Option("--stream", metavar="FILE|-", help="A line of JSON a second, for other tools.")
]
Requests = Annotated[
    str | None, typer.Option(metavar="FILE", help="Log every call here: one line of JSON each; .gz compresses.")
]
RequestsLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="With --requests: keep only the newest lines, in at most so many bytes, e.g. 1GB; at least 1MB.",
    ),
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
Workers = Annotated[
    str,
    typer.Option(
        "--workers", "-w", metavar="N|auto",
        help="Processes that share the load; auto: as many as it takes and the machine has room for.",
    ),
]  # fmt: skip
AllowInvalid = Annotated[
    bool, typer.Option("--allow-invalid", help="Let objectives alone decide the exit status; the report still says it.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before a run that costs money.")]

SkipPreflight = Annotated[
    bool,
    typer.Option("--skip-preflight", help="Don't look at targets, keys, models and this machine before the run."),
]

_MOST_WORKERS = 64
_STREAM = "stream"
_GRAVEST = (
    ExitStatus.INTERRUPTED, ExitStatus.UNREACHABLE, ExitStatus.FAIL, ExitStatus.USAGE, ExitStatus.INVALID,
    ExitStatus.PASS,
)  # fmt: skip
"""What several runs end with: the first of these that any of them would."""


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


@dataclass(frozen=True, slots=True)
class How:
    """How a plan is to be run and where what is found goes: the values of the options of the same names."""

    out: list[str] | None
    json: str | None
    report: list[str] | None
    requests: str | None
    requests_limit: str | None
    chunks: bool
    export: list[str] | None
    display: Literal["auto", "live", "plain", "quiet"]
    workers: str
    yes: bool
    allow_invalid: bool
    web: OnWeb | None
    no_export: bool = False
    skip_preflight: bool = False


def carry_out(plan: Plan, how: How, again: Again | None = None) -> None:
    """Run, once or ``again``, report, and exit with the status: of several runs, with the gravest."""
    from llmload.cli.repeating import Again
    from llmload.cli.web_options import page_for, stay

    again = again or Again()
    places = [*(how.out or ()), *([how.json] if how.json else ())]
    told = _told(plan, how)
    runs = [_prepared(how, told, places, run, again.repeat) for run in range(1, again.repeat + 1)]
    to_stderr = _takes_stdout(how, told, places)
    ask(plan, how.yes)
    _mention_a_killed_run()
    with page_for(how.web, again.repeat) as page:
        statuses = list(_several(plan, runs, how, again, to_stderr, page))
        compared = again.conclude(to_stderr)
        if page is not None and how.web is not None and how.web.stays(again.results[-1].interrupted):
            stay(page, how.web.stay)
    statuses.append(ExitStatus.PASS if how.allow_invalid and compared is ExitStatus.INVALID else compared)
    raise typer.Exit(int(min(statuses, key=_GRAVEST.index)))


def _several(
    plan: Plan,
    runs: Sequence[tuple[Saving, tuple[Output, ...]]],
    how: How,
    again: Again,
    to_stderr: bool,
    page: Page | None,
) -> Iterator[ExitStatus]:
    """Each of the runs, reported; ends early where one is interrupted."""
    from llmload.app.preflight import preflight

    notes = () if how.skip_preflight else preflight(plan)
    for run, (saving, outputs) in enumerate(runs, 1):
        result = _once(plan, saving, outputs, how, (page, run), notes)
        _report(result, saving, to_stderr)
        if page is not None and how.web is not None and how.web.stays(result.interrupted):
            page.ended(run, result)
        again.results.append(result)
        yield ExitStatus(_status(result, how.allow_invalid))
        if result.interrupted:
            return


def _told(plan: Plan, how: How) -> tuple[Told, ...]:
    """Who is told of the run: those of the scenario, unless they are left out, and those of the command line."""
    from llmload.outputs.export import parse_export

    return (*(() if how.no_export else plan.exports), *map(parse_export, how.export or ()))


def _prepared(
    how: How, told: Sequence[Told], places: Sequence[str], run: int, of: int
) -> tuple[Saving, tuple[Output, ...]]:
    """Where the result of one of several runs goes, and what is told while it lasts. Raises UsageError, OutputError."""
    from llmload.app.saving import Saving
    from llmload.cli.repeating import numbered
    from llmload.outputs.export import exporter
    from llmload.reports import target_of

    reports = [(report, numbered(place, run, of)) for report, place in map(target_of, how.report or ())]
    saving = Saving([numbered(place, run, of) for place in places], reports)
    logs = _request_log(numbered(how.requests, run, of) if how.requests else None, how.requests_limit)
    told = [replace(each, to=numbered(each.to, run, of)) if each.kind == _STREAM else each for each in told]
    return saving, (*logs, *map(exporter, told))


def _takes_stdout(how: How, told: Sequence[Told], places: Sequence[str]) -> bool:
    """Whether data goes to standard output, so that what is for people does not. Raises UsageError where two would."""
    from llmload.errors import UsageError
    from llmload.reports import target_of

    streams, others = [each.to for each in told if each.kind == _STREAM], [*places]
    others += [place for _, place in map(target_of, how.report or ())]
    if streams.count("-") + ("-" in others) > 1 and "-" in streams:
        raise UsageError("--stream -: something else goes to standard output, too; give one of them a file")
    return "-" in streams or "-" in others


def _once(
    plan: Plan,
    saving: Saving,
    outputs: tuple[Output, ...],
    how: How,
    on_page: tuple[Page | None, int],
    notes: tuple[str, ...],
) -> Result:
    from llmload.app.session import Options, run_plan
    from llmload.calibration.store import look_up
    from llmload.dashboard.live import choose_display, stderr_console

    shown = choose_display(stderr_console(), how.display)
    every = (*outputs, saving.checkpoint)
    page, run = on_page
    if page is not None:
        shown = page.display(run, shown)
        every = (*every, shown.lags)
    workers = parse_workers(how.workers)
    return run_plan(plan, Options(workers, shown, every, how.chunks, calibrated=look_up(), ping=True, notes=notes))


def parse_workers(given: str) -> int | None:
    """What ``--workers`` says; None for auto. Raises UsageError."""
    from llmload.errors import UsageError

    if given == "auto":
        return None
    if given.isascii() and given.isdigit() and 1 <= int(given) <= _MOST_WORKERS:
        return int(given)
    raise UsageError(f"--workers: {given!r} is neither a number from 1 to {_MOST_WORKERS} nor auto")


def _status(result: Result, allow_invalid: bool) -> int:
    status = result.exit_status()
    if allow_invalid and status is ExitStatus.INVALID:
        met = all(judgement.passed for judgement in result.judgements)
        return ExitStatus.PASS if met else ExitStatus.FAIL
    return status


def ask(plan: Plan, yes: bool) -> None:
    """Before a run that costs money: whether it is wanted. Raises UsageError where nobody can be asked."""
    from llmload.app.consent import consent_needed, refuse_without_yes

    question = consent_needed(plan)
    if not question or yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise refuse_without_yes(question)
    if not typer.confirm(f"{question} Go on?", err=True):
        raise typer.Exit(2)


def _request_log(path: str | None, limit: str | None) -> tuple[RequestLog, ...]:
    from llmload.errors import UsageError
    from llmload.outputs.request_log import LEAST_LIMIT, RequestLog
    from llmload.units import format_bytes, parse_bytes

    if limit is not None and path is None:
        raise UsageError("--requests-limit bounds the file of --requests, and there is none")
    if path is None:
        return ()
    try:
        most = parse_bytes(limit) if limit is not None else None
    except ValueError as error:
        raise UsageError(f"--requests-limit: {error}") from error
    if most is not None and most < LEAST_LIMIT:
        raise UsageError(f"--requests-limit: {limit!r} is too little; at least {format_bytes(LEAST_LIMIT)}")
    return (RequestLog(Path(path), limit=most),)


def _mention_a_killed_run() -> None:
    from llmload.app import history

    if killed := history.killed():
        say(f"llmload: an earlier run did not end; to see how far it came: llmload report {killed}\n")


def _report(result: Result, saving: Saving, to_stderr: bool) -> None:
    """The result to where it should go, and the summary for people, whatever becomes of the former.

    Raises OutputError.
    """
    from llmload.app.interrupts import Interrupts
    from llmload.errors import OutputError
    from llmload.reports import files, text
    from llmload.reports.style import style_for

    unsaved = None
    with Interrupts():  # a terminal that closes now, a third Ctrl-C: the run is over, and this takes no time
        try:
            saving.save(result)
        except OutputError as error:
            unsaved = error
    style = style_for(sys.stderr if to_stderr else sys.stdout)
    summary = text.render(result, style.width, style.color, style.unicode, style.height)
    try:
        if to_stderr:
            say(summary)
        else:
            files.write(files.STDOUT, summary.encode(errors="replace"))
    finally:
        if unsaved is not None:
            raise unsaved
