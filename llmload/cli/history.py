"""``llmload history``: the saved results of a scenario over time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from llmload.analysis.compare import Measure
    from llmload.reports.archive import History

__all__ = ["history"]

_MOST_SKIPPED = 10


def history(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the results are: files that end in .json.")],
    scenario: Annotated[str | None, typer.Option(metavar="NAME", help="Of this scenario alone.")] = None,
    figure: Annotated[
        list[str] | None,
        typer.Option("--figure", metavar="METRIC.STAT", help="Follow this alone, e.g. latency.p95. May be repeated."),
    ] = None,
    request_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="Of this request class alone.")
    ] = None,
    min_effect: Annotated[
        list[str] | None,
        typer.Option(
            "--min-effect",
            metavar="[FIGURE=]SHARE",
            help="From which change on it matters: 10% of any figure, errors.rate=1% points. May be repeated.",
        ),
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Of so many runs at most, the latest.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Count runs that are INVALID or ended early, too.")] = False,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="End with status 1 if a figure is at a worse level than before.")
    ] = False,
    format: Annotated[Literal["text", "json", "markdown"], typer.Option(help="How to show it.")] = "text",
    out: Annotated[str, typer.Option("--out", "-o", help='Where to write it; "-" is standard output.')] = "-",
    width: Annotated[int | None, typer.Option(min=60, max=500, help="Columns; the terminal's by default.")] = None,
) -> None:
    """Show the saved results of a scenario over time: levels, drifts, and the run at which a figure changed.

    Demonstrations and environments are histories of their own. A change takes 8 runs or more to be told from chance.

    \b
    Examples:
      llmload history results/
      llmload history results/ --scenario ci --figure latency.p95 --last 30 --fail-on-change
      llmload history results/ --format markdown --out history.md

    Exit status: 0, 1 with --fail-on-change if a figure is at a worse level than before, 2 usage.
    """
    from llmload.cli.speak import write_and_say
    from llmload.errors import ExitStatus

    found = _read(directory, scenario, request_class, _measure(figure, min_effect), everything, last)
    write_and_say(out, _rendered(found, format, out, width or 0))
    if fail_on_change and any(each.worsened for each in found):
        raise typer.Exit(int(ExitStatus.FAIL))


def _measure(figures: list[str] | None, effects: list[str] | None) -> Measure:
    from llmload.analysis.compare import Measure
    from llmload.analysis.history import FIGURES
    from llmload.cli.compare import effects_of, figures_of

    return Measure(figures_of(figures) or FIGURES, effects_of(effects))


def _read(
    directory: Path,
    scenario: str | None,
    request_class: str | None,
    measure: Measure,
    everything: bool,
    last: int | None,
) -> list[History]:
    from llmload.app.archive import read_runs
    from llmload.errors import ResultError, UsageError
    from llmload.reports.archive import Run, histories
    from llmload.safe import clean
    from llmload.scenario.suggest import choice

    skipped: list[str] = []
    runs = read_runs(
        directory, lambda file, result: Run.of(file, result, measure.figures, request_class), skipped.append
    )
    _tell(skipped)
    names = sorted({run.name for run in runs})
    chosen = [run for run in runs if scenario is None or run.name == scenario]
    if not chosen:
        there = f"; there are: {', '.join(clean(name, 40) for name in names)[:400]}" if names else ""
        of = f" of scenario {scenario[:60]!r}" if scenario else ""
        raise ResultError(f"no result{of} in {str(directory)!r}{there}")
    classes = sorted({cls for run in chosen for cls in run.classes})
    if request_class is not None and request_class not in classes:
        raise UsageError(f"--class: there is no class {request_class[:60]!r}; {choice(request_class, classes)}")
    return histories(chosen, measure, everything, last)


def _tell(skipped: Sequence[str]) -> None:
    from llmload.cli.speak import say

    for each in skipped[:_MOST_SKIPPED]:
        say(f"llmload: left out: {each}\n")
    if len(skipped) > _MOST_SKIPPED:
        say(f"llmload: left out: {len(skipped) - _MOST_SKIPPED} more files\n")


def _rendered(found: Sequence[History], format: str, out: str, width: int) -> bytes:
    from llmload.reports import files, history_json, history_markdown, history_text
    from llmload.reports.style import style_for

    if format == "text":
        style = style_for(sys.stdout if out == files.STDOUT else None, width)
        return history_text.render(found, style.width, style.color, style.unicode).encode()
    return {"json": history_json.render, "markdown": history_markdown.render}[format](found)
