"""``llmload calibrate``: what this machine can measure, and how exactly."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from llmload.cli.run_options import Json
from llmload.cli.speak import say

__all__ = ["calibrate"]


def calibrate(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and shorter loads: a quarter of a minute.")] = False,
    each: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long each load lasts, instead of 1.5s to 3s.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only whether figures can be trusted now: one small load, repeated.")
    ] = False,
    repeat: Annotated[int, typer.Option(min=2, max=20, help="How often --check repeats it.")] = 3,
    json: Json = None,
    store: Annotated[bool, typer.Option("--store/--no-store", help="Keep it for the runs to come.")] = True,
) -> None:
    """Find out what this machine can measure, and how exactly.

    \b
    Examples:
      llmload calibrate
      llmload calibrate --quick --json - | jq .ceiling
      llmload calibrate --check && llmload run peak --url http://host:8000/v1

    Takes under a minute, against a simulator on this machine that logs what it really sent. Every run after that
    states its error bar, and warns when a planned load is too much. Do it where nothing else is going on.

    With --check nothing is kept: it ends with status 0 where the machine is quiet and the repetitions agree, else with
    3 and says why.
    """
    from llmload.app.calibrate import calibrate as measure
    from llmload.calibration.store import place, render, save
    from llmload.cli.calibrate_text import render as as_text
    from llmload.reports import files
    from llmload.reports.style import style_for

    seconds = _seconds(each)
    for destination in filter(None, [json]):
        files.check_writable(destination)
    if check:
        _check(repeat, seconds, json)
        return
    found = measure(quick, seconds, lambda text: say(f"{text}\n"))
    if store:
        save(found)
        say(f"kept in {place()}\n")
    if json:
        files.write(json, render(found))
    people = sys.stderr if json == files.STDOUT else sys.stdout
    text = as_text(found, style_for(people))
    if people is sys.stdout:
        files.write(files.STDOUT, text.encode(errors="replace"))
    else:
        say(text)


def _check(repeat: int, seconds: float, json: str | None) -> None:
    from llmload.app.calibrate import check as measure
    from llmload.cli.calibrate_text import stability
    from llmload.errors import ExitStatus
    from llmload.reports import files
    from llmload.reports.json_report import lines

    found = measure(repeat, seconds, lambda text: say(f"{text}\n"))
    if json:
        files.write(json, lines(found.to_json()))
    if json == files.STDOUT:
        say(stability(found))
    else:
        files.write(files.STDOUT, stability(found).encode())
    if not found.stable:
        raise typer.Exit(int(ExitStatus.INVALID))


def _seconds(each: str | None) -> float:
    """What ``--each`` says; 0 for as long as usual. Raises UsageError."""
    from llmload.errors import UsageError
    from llmload.units import parse_duration

    if each is None:
        return 0.0
    try:
        seconds = parse_duration(each)
    except ValueError as error:
        raise UsageError(f"--each: {error}") from None
    if not 0.5 <= seconds <= 60.0:
        raise UsageError(f"--each: {each} is too {'short' if seconds < 0.5 else 'long'}; give 500ms to 60s")
    return seconds
