"""``llmload plot``: one chart of one or several saved results, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmload.cli.report import read_result
from llmload.cli.speak import write_and_say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmload.reports.charts import Chart, Subject
    from llmload.reports.result import Result

__all__ = ["plot"]

_SUFFIXES = (".svg", ".png")
_LONGEST = 40
"""Letters of a result's name in a chart."""


def plot(
    results: Annotated[
        list[str] | None,
        typer.Argument(metavar="RESULT [RESULT ...]", help='Result files as --out wrote them; "-" reads stdin.'),
    ] = None,
    chart: Annotated[str, typer.Option(metavar="NAME", help="Which one; see --list.")] = "load",
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="A .svg or .png file; by default NAME.svg.")
    ] = "",
    width: Annotated[int, typer.Option(min=200, max=4000, help="Pixels.")] = 860,
    height: Annotated[int, typer.Option(min=120, max=4000, help="Pixels.")] = 300,
    dark: Annotated[bool, typer.Option("--dark", help="Light on dark.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Say which charts there are.")] = False,
) -> None:
    """Draw a chart of saved results: any of those in the HTML report. Several results are laid over each other.

    \b
    Examples:
      llmload plot result.json --chart ttft --out ttft.svg
      llmload plot before.json after.json --chart latency-percentiles --out compared.png
      llmload plot --list
    """
    from llmload.errors import UsageError
    from llmload.reports import files

    if list_:
        files.write(files.STDOUT, _listed().encode())
        return
    if not results:
        raise UsageError("plot what? Name a file that --out has written")
    chosen, suffix = _chart(chart), _suffix(out)
    picture = _picture(chosen, _subjects(chosen, results), suffix, (width, height), dark)
    write_and_say(out or f"{chart}.svg", picture)


def _listed() -> str:
    from llmload.reports.charts import CHARTS

    return "".join(f"{chart.name:<20} {chart.title}. {chart.asks}\n" for chart in CHARTS.values())


def _chart(name: str) -> Chart:
    from llmload.errors import UsageError
    from llmload.reports.charts import CHARTS
    from llmload.scenario.suggest import did_you_mean

    if name not in CHARTS:
        hint = did_you_mean(name, CHARTS) or f"there are: {', '.join(CHARTS)}"
        raise UsageError(f"--chart: there is no chart {name[:40]!r}; {hint}")
    return CHARTS[name]


def _suffix(out: str) -> str:
    from llmload.errors import UsageError

    suffix = Path(out).suffix.lower() if out not in ("", "-") else _SUFFIXES[0]
    if suffix not in _SUFFIXES:
        raise UsageError(f"--out: {out[:80]!r} ends neither in .svg nor in .png")
    return suffix


def _subjects(chart: Chart, paths: Sequence[str]) -> list[Subject]:
    """Raises UsageError, ResultError."""
    from llmload.errors import UsageError
    from llmload.reports.charts import Subject

    if len(paths) > chart.most:
        most = "one result" if chart.most == 1 else f"at most {chart.most} results"
        raise UsageError(f"--chart: {chart.name} shows {most} at a time, and {len(paths)} are named")
    if len(set(paths)) < len(paths):
        raise UsageError("the same result is named twice")
    return [Subject(label, _result(path)) for label, path in zip(_labels(paths), paths, strict=True)]


def _result(path: str) -> Result:
    """Raises ResultError; of what can be no file name of a result it says how charts are named."""
    from llmload.errors import ResultError

    try:
        return read_result(path)
    except ResultError as error:
        if path == "-" or Path(path).suffix or Path(path).exists():
            raise
        raise ResultError(f"{error}; charts are named with --chart: see --list") from error


def _labels(paths: Sequence[str]) -> list[str]:
    """The files' names, with as many of their directories as it takes to tell them apart."""
    from llmload.safe import clean

    parts = [Path(path).with_suffix("").parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(each[-count:]) for each in parts]
        if len(set(labels)) == len(labels):
            break
    return [
        clean(label, len(label)) if len(label) <= _LONGEST else clean(f"…{label[1 - _LONGEST :]}") for label in labels
    ]


def _picture(chart: Chart, subjects: Sequence[Subject], suffix: str, size: tuple[int, int], dark: bool) -> bytes:
    from llmload.errors import UsageError
    from llmload.reports.charts import Look
    from llmload.reports.charts.colours import DARK, LIGHT
    from llmload.reports.charts.drawing import png, svg
    from llmload.safe import clean

    drawing = chart.draw(subjects, Look(*size, DARK if dark else LIGHT))
    if drawing is None:
        raise UsageError(f"--chart: there is nothing to draw for {chart.name}: no such values were measured")
    scenarios = dict.fromkeys(clean(subject.result.scenario.name, 60) for subject in subjects)
    titled = drawing.spec | {"title": {"text": chart.title, "subtitle": ", ".join(scenarios)}}
    return png(titled) if suffix == ".png" else svg(titled).encode()
