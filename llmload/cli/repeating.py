"""Options of ``run`` about more than one result: repeated runs, and a baseline to compare with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmload.cli.speak import say
from llmload.errors import ExitStatus

if TYPE_CHECKING:
    from llmload.analysis.compare import Measure
    from llmload.reports.comparison import Party
    from llmload.reports.result import Result
    from llmload.scenario.plan import Plan

__all__ = ["Again", "Baseline", "MinEffect", "Repeat", "again", "numbered"]

Repeat = Annotated[
    int,
    typer.Option("--repeat", min=1, max=1000, metavar="N", help="Run so often; -o r.json makes r-1.json, r-2.json."),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline", metavar="FILE[,FILE ...]",
        help="Saved results, or a pattern in quotes: fail if this run is worse, as the scenario's [compare] has it.",
    ),
]  # fmt: skip
MinEffect = Annotated[
    list[str] | None,
    typer.Option(
        "--min-effect", metavar="[FIGURE=]SHARE",
        help="With --baseline: from which change on it is worse, e.g. 20% or latency.p95=30%. May be repeated.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Again:
    """How often to run, and what to compare the results with."""

    repeat: int = 1
    baseline: Party | None = None
    measure: Measure | None = None
    results: list[Result] = field(default_factory=list)

    def conclude(self, to_stderr: bool) -> ExitStatus:
        """Say what the runs say together and against the baseline; what that comes to."""
        from llmload.reports import comparison_text, files, repeated
        from llmload.reports.comparison import Party, compare_results
        from llmload.reports.style import style_for

        if self.measure is None:
            return ExitStatus.PASS
        style = style_for(sys.stderr if to_stderr else sys.stdout)
        parts = [repeated.render(self.results, self.measure, style)]
        status = ExitStatus.PASS
        if self.baseline is not None and self.results:
            comparison = compare_results([self.baseline, Party("this run", tuple(self.results))], self.measure)
            parts.append(comparison_text.render(comparison, style.width, style.color, style.unicode))
            status = comparison.status
            if status is ExitStatus.USAGE:
                parts.append(f"--baseline: nothing to compare: {'; '.join(comparison.wanting())}\n")
        text = "".join(f"\n{part}" for part in parts if part)
        if to_stderr:
            say(text)
        elif text:
            files.write(files.STDOUT, text.encode(errors="replace"))
        return status


def again(plan: Plan, repeat: int, baseline: str | None, min_effect: Sequence[str] | None, named: str) -> Again:
    """What the options mean; ``named``: the scenario, as the command line has it. Raises UsageError, ResultError."""
    from dataclasses import replace

    from llmload.analysis.figure import FIGURES
    from llmload.cli.compare import effects_of
    from llmload.errors import UsageError

    if min_effect and baseline is None:
        raise UsageError("--min-effect is about the comparison with --baseline, and there is none")
    measure = replace(plan.compare, effects={**(plan.compare.effects or {}), **effects_of(min_effect)})
    party = None if baseline is None else _read(baseline, named)
    if party is not None and measure.figures != FIGURES:
        _check(party, measure)
    return Again(repeat, party, measure)


def _check(baseline: Party, measure: Measure) -> None:
    """That the baseline has what the scenario compares, before the run. Raises UsageError."""
    from llmload.errors import UsageError
    from llmload.reports.comparison import lacking

    if missing := list(map(str, lacking(baseline, measure.figures))):
        raise UsageError(
            f"--baseline: {baseline.label} has nothing to compare of {', '.join(missing)}, which the scenario's "
            "[compare] names; make it anew, or take them out"
        )


def _read(baseline: str, named: str) -> Party:
    from llmload.app.sides import read_side
    from llmload.errors import ResultError, UsageError

    try:
        return read_side(baseline)
    except ResultError as error:
        if "no file matches" not in str(error) and "no such file" not in str(error):
            raise
        raise UsageError(
            f"there is no baseline {baseline!r} yet; make one of the service as it should be, then name its results:\n"
            f"  llmload run {named} --repeat 5 -o base.json      then   --baseline 'base-*.json'"
        ) from error


def numbered(place: str, run: int, of: int) -> str:
    """Where the result of one of several runs goes: "r-2.json" for "r.json". Raises UsageError for what is no file."""
    from llmload.errors import UsageError

    if of == 1:
        return place
    path = Path(place)
    if place == "-" or (path.exists() and not path.is_file()):
        raise UsageError(f"--repeat makes {of} results, and {place!r} takes one; name a file")
    stem, dot, suffixes = path.name.partition(".")
    return str(path.with_name(f"{stem}-{run}{dot}{suffixes}"))
