"""What an observer saw of the target, as figures and as a table of the text report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from llmload import units
from llmload.metrics.observed import FIGURES, Figure, Measure, Observed, figure_of
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean
from llmload.verdict.kinds import Kind
from llmload.verdict.target import KINDS, OBSERVED_STATS
from llmload.verdict.view import measured_spans

__all__ = ["observed_section", "seen"]

_COLUMNS: Final = (("min", 2), ("mean", 0), ("max", 0), ("first", 1), ("last", 1), ("growth", 0))
"""Statistic, and how soon it is left out where there is little room."""


def seen(summary: Summary) -> dict[str, dict[str, dict[str, float]]]:
    """Observer -> figure -> statistic -> value, of measured time; what there is no value of is left out."""
    return {name: found for name, each in sorted(summary.observed.items()) if (found := _figures(each, summary))}


def _figures(each: Observed, summary: Summary) -> dict[str, dict[str, float]]:
    spans = measured_spans(summary)
    found: dict[str, dict[str, float]] = {}
    for name in (*(known for known in FIGURES if known in each.figures), *sorted(each.figures.keys() - FIGURES.keys())):
        samples, figure = each.figures[name], figure_of(name)
        bins = samples.within(spans)
        if not bins:
            continue
        values = {of: row.of(bins, samples) for of, row in OBSERVED_STATS.items() if figure.level or not row.levels}
        found[name] = {of: value for of, value in values.items() if value is not None}
    return found


def observed_section(summary: Summary, width: int) -> Iterator[Text]:
    """A table for each observer; a line of words for one that saw nothing."""
    figures = seen(summary)
    for number, (name, each) in enumerate(sorted(summary.observed.items())):
        if number:
            yield Text()
        shown = {
            figure: values
            for figure, values in figures.get(name, {}).items()
            if values["max"] or figure_of(figure).measure is not Measure.FLOW
        }
        if rows := [_row(figure_of(figure), values) for figure, values in shown.items()]:
            what = f"{clean(name, 30)}: {clean(each.what, 40)}" if each.what else clean(name, 30)
            columns = (Column(what, right=False), *(Column(of, rank=rank) for of, rank in _COLUMNS))
            yield from grid(columns, rows, width)
        for at in each.ended:
            yield Text(f"{clean(name, 30)} ended {units.format_seconds(at)} into the run", "bold red")
        if each.trouble and not each.ended:
            yield Text(f"{clean(name, 30)} was not observed: {clean(each.trouble)}", "yellow")
        for figure, why in sorted(each.missing.items()):
            yield Text(f"no {clean(figure_of(figure).title, 30)}: {clean(why)}", "dim")


def _row(figure: Figure, values: dict[str, float]) -> list[Text]:
    return [Text(clean(figure.title, 30)), *(_cell(figure, of, values) for of, _ in _COLUMNS)]


def _cell(figure: Figure, of: str, values: dict[str, float]) -> Text:
    if of not in values:
        return Text("-", "dim")
    if of == "growth":
        return Text(Kind.GROWTH.show(values[of]))
    shown = KINDS[figure.measure].show(values[of])
    return Text(f"{shown}/s" if figure.measure is Measure.FLOW else shown)
