"""What several runs of one scenario say together: each run is one value, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from llmload.analysis.compare import Measure
from llmload.analysis.estimate import Estimate
from llmload.analysis.figure import Figure
from llmload.analysis.side import Side
from llmload.reports.grid import Column, grid
from llmload.reports.result import Result
from llmload.reports.style import ASCII_SIGNS, Style
from llmload.safe import clean

__all__ = ["Repeated", "render", "repeated"]


@dataclass(frozen=True, slots=True)
class Repeated:
    """One figure of one class over all runs. ``interval``: of its true mean over runs (the geometric one, but for
    shares), by Student's t; ``least`` and ``most`` are the extreme runs."""

    figure: Figure
    cls: str
    mean: Estimate
    interval: tuple[float, float]
    least: float
    most: float


def repeated(results: Sequence[Result], measure: Measure) -> list[Repeated]:
    """Every figure that all the runs have; none of fewer than two runs."""
    if len(results) < 2:
        return []
    side, rows = Side([result.summary for result in results]), []
    for cls in side.classes():
        for figure in measure.figures:
            values = side.values(figure, cls, measure.confidence)
            mean = side.estimate(figure, cls, measure.confidence, runs=True)
            if mean is not None and len(values) == len(results):
                ends = mean.interval(measure.confidence, log=not figure.share)
                rows.append(Repeated(figure, cls, mean, ends, min(values), max(values)))
    return rows


def render(results: Sequence[Result], measure: Measure, style: Style) -> str:
    """A table for a terminal; "" of fewer than two runs."""
    lines = [line.plain.rstrip() for line in _lines(repeated(results, measure), len(results), measure, style.width)]
    text = "".join(f"{line}\n" for line in lines)
    return text if style.unicode else text.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _lines(rows: Sequence[Repeated], runs: int, measure: Measure, width: int) -> Iterator[Text]:
    if not rows:
        return
    columns = (
        Column(f"{runs} runs", right=False), Column("mean"), Column(f"{measure.confidence * 100:.4g} % interval"),
        Column("least", rank=1), Column("most", rank=1),
    )  # fmt: skip
    shown: list[list[Text] | Text] = []
    cls = ""
    for row in rows:
        if row.cls != cls:
            cls = row.cls
            shown.append(Text(clean(cls, 60)))
        low, high = (row.figure.show(max(0.0, end)) if end < float("inf") else "?" for end in row.interval)
        values = (row.figure.show(row.mean.value), f"{low} – {high}", *map(row.figure.show, (row.least, row.most)))
        shown.append([Text(f"  {row.figure}"), *map(Text, values)])
    yield from grid(columns, shown, width)
