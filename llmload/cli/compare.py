"""``llmload compare``: saved results against each other."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmload.analysis.figure import Figure
    from llmload.reports.comparison import Comparison

__all__ = ["compare", "effects_of", "figures_of"]

Figures = Annotated[
    list[str] | None,
    typer.Option("--figure", metavar="METRIC.STAT", help="Compare this alone, e.g. latency.p95. May be repeated."),
]
MinEffect = Annotated[
    list[str] | None,
    typer.Option(
        "--min-effect", metavar="[FIGURE=]SHARE",
        help="From which change on it matters: 20% of any figure, latency.p95=30% of one, errors.rate=0.5% points. "
        "May be repeated.",
    ),
]  # fmt: skip


def compare(
    results: Annotated[
        list[str],
        typer.Argument(metavar="A B [C ...]", help="Sides: [NAME=]FILE[,FILE ...]; a pattern in quotes names several."),
    ],
    figure: Figures = None,
    min_effect: MinEffect = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of intervals and verdicts.")] = 0.95,
    fail_on_regression: Annotated[
        bool,
        typer.Option(
            "--fail-on-regression",
            help="End with status 1 if anything got worse, 3 if nothing could be decided.",
        ),
    ] = False,
    format: Annotated[Literal["text", "markdown", "html", "json"], typer.Option(help="How to show it.")] = "text",
    out: Annotated[str, typer.Option("--out", "-o", help='Where to write it; "-" is standard output.')] = "-",
    width: Annotated[int | None, typer.Option(min=60, max=500, help="Columns; the terminal's by default.")] = None,
) -> None:
    """Compare saved results: what got worse than in A, by how much, and how sure that is.

    \b
    Examples:
      llmload compare before.json after.json --min-effect 20% --fail-on-regression
      llmload compare 'base-*.json' new-1.json,new-2.json,new-3.json
      llmload compare dev=dev.json staging=staging.json production=prod.json
      llmload compare before.json after.json --format markdown > comment.md

    Exit status: 0; with --fail-on-regression 1 if anything got worse, 3 if of some side not one figure could be
    decided; 2 usage, nothing to compare.
    """
    from llmload.analysis.compare import Measure
    from llmload.analysis.figure import FIGURES
    from llmload.app.sides import read_sides
    from llmload.cli.speak import write_and_say
    from llmload.errors import ExitStatus, UsageError
    from llmload.reports.comparison import Outcome, compare_results

    measure = Measure(figures_of(figure) or FIGURES, effects_of(min_effect), confidence)
    comparison = compare_results(read_sides(results), measure)
    nothing, wanting = comparison.outcome is Outcome.NOTHING, comparison.wanting()
    if figure and wanting and not nothing:
        raise UsageError(f"--figure: {'; '.join(wanting)}")
    write_and_say(out, _rendered(comparison, format, out, width or 0))
    if fail_on_regression and comparison.status is ExitStatus.FAIL:
        raise typer.Exit(int(ExitStatus.FAIL))
    if nothing:
        raise UsageError(f"nothing to compare: {'; '.join(wanting)}")
    if fail_on_regression:
        raise typer.Exit(int(comparison.status))


def figures_of(given: Sequence[str] | None) -> tuple[Figure, ...]:
    """What ``--figure`` names, each once. Raises UsageError."""
    from llmload.analysis.figure import parse_figure
    from llmload.errors import UsageError

    try:
        return tuple(dict.fromkeys(parse_figure(part) for text in given or () for part in text.split(",")))
    except ValueError as error:
        raise UsageError(f"--figure: {error}") from error


def effects_of(given: Sequence[str] | None) -> dict[str, float]:
    """What ``--min-effect`` says. Raises UsageError."""
    from llmload.analysis.figure import parse_effects
    from llmload.errors import UsageError

    try:
        return parse_effects(given or ())
    except ValueError as error:
        raise UsageError(f"--min-effect: {error}") from error


def _rendered(comparison: Comparison, format: str, out: str, width: int) -> bytes:
    from llmload.reports import comparison_html, comparison_json, comparison_markdown, comparison_text, files
    from llmload.reports.style import style_for

    if format == "text":
        style = style_for(sys.stdout if out == files.STDOUT else None, width)
        return comparison_text.render(comparison, style.width, style.color, style.unicode).encode(errors="replace")
    forms = {"json": comparison_json.render, "markdown": comparison_markdown.render, "html": comparison_html.render}
    return forms[format](comparison)
