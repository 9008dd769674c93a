"""What an observer saw of the target, as figures and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from llmload import units
from llmload.metrics.observed import FIGURES, Figure, Measure, Observed, figure_of
from llmload.metrics.probed import Probed
from llmload.metrics.sparse import Sparse
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean
from llmload.verdict.kinds import Kind
from llmload.verdict.probes import bounds, probe_figures
from llmload.verdict.target import KINDS, NO_FIGURES, OBSERVED_STATS
from llmload.verdict.view import measured_spans

__all__ = ["ObservedTable", "observed_section", "observed_tables", "seen"]

_COLUMNS: Final = (
    Column("min", rank=2), Column("mean"), Column("max"), Column("first", rank=1), Column("last", rank=1),
    Column("growth"),
)  # fmt: skip
"""The statistics of a table's row; those that nothing has are left out."""


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
    if each.probed is not None:
        for name, more in probe_figures(each.probed, spans).items():
            found[name] = {**found.get(name, {}), **more}
    return found


@dataclass(frozen=True, slots=True)
class ObservedTable:
    """What one observer saw. ``rows`` have a cell for ``title`` and one for each of ``columns``; ``remarks``: (text,
    style) of what else there is to say."""

    title: str
    columns: tuple[Column, ...]
    rows: list[list[Text]]
    remarks: list[tuple[str, str]]


def observed_tables(summary: Summary) -> Iterator[ObservedTable]:
    """One for each observer; without rows for one that saw nothing. What others wrote is cleaned."""
    figures = seen(summary)
    for name, each in sorted(summary.observed.items()):
        shown = {
            figure: values
            for figure, values in figures.get(name, {}).items()
            if figure not in NO_FIGURES and (values["max"] or figure_of(figure).measure is not Measure.FLOW)
        }
        title = f"{clean(name, 30)}: {clean(each.what, 50)}" if each.what else clean(name, 30)
        columns = tuple(column for column in _COLUMNS if any(column.title in values for values in shown.values()))
        rows = [_row(figure_of(figure), values, columns) for figure, values in shown.items()]
        remarks = [*_remarks(clean(name, 30), each), *_of_probe(each.probed, figures.get(name, {}))]
        yield ObservedTable(title, columns, rows, remarks)


def _remarks(name: str, each: Observed) -> Iterator[tuple[str, str]]:
    for at in each.ended:
        yield f"{name} ended {units.format_seconds(at)} into the run", "bold red"
    if each.trouble and not each.ended:
        yield f"{name} was not observed: {clean(each.trouble)}", "yellow"
    for figure, why in sorted(each.missing.items()):
        yield f"no {clean(figure_of(figure).title, 30)}: {clean(why)}", "dim"


def _of_probe(probed: Probed | None, figures: dict[str, dict[str, float]]) -> Iterator[tuple[str, str]]:
    """Percentiles, stalls, and how exact they are."""
    if probed is None or "stalls" not in figures:
        return
    times, show = figures["probe"], units.format_seconds
    parts = [f"{of} {show(times[of])}" for of in ("p50", "p95", "p99", "p99.9") if of in times]
    lost = units.counted(round(times["lost"]), "probe") if times["lost"] else "none"
    yield f"answered after {', '.join(parts) or '-'}; {lost} lost", "yellow" if times["lost"] else "dim"
    if count := round(figures["stalls"]["count"]):
        longest = max(probed.stalls, key=lambda stall: stall.least)
        more = f"the longest lasted {bounds(longest)}"
        yield f"{units.counted(count, 'stall')} of more than {show(probed.limit)} above the median; {more}", "yellow"
    else:
        yield f"no stall of more than {show(probed.limit)} above the median", "dim"
    lag = Sparse.pooled([probed.lag])
    own = f"the prober itself was late by {show(lag.percentile(99) / 1e6)} (p99), {show(lag.max / 1e6)} at most"
    doubt = f"; {units.counted(probed.doubtful, 'answer')} may be late by it alone" if probed.doubtful else ""
    unsent = f"; {units.counted(probed.unsent, 'probe')} could not be sent" if probed.unsent else ""
    yield f"{own}{doubt}{unsent}", "yellow" if doubt or unsent else "dim"


def observed_section(summary: Summary, width: int) -> Iterator[Text]:
    """A table for each observer; a line of words for one that saw nothing."""
    for number, each in enumerate(observed_tables(summary)):
        if number:
            yield Text()
        if each.rows:
            yield from grid((Column(each.title, right=False, least=28), *each.columns), each.rows, width)
        yield from (Text(*remark) for remark in each.remarks)


def _row(figure: Figure, values: dict[str, float], columns: Iterable[Column]) -> list[Text]:
    return [Text(clean(figure.title, 30)), *(_cell(figure, column.title, values) for column in columns)]


def _cell(figure: Figure, of: str, values: dict[str, float]) -> Text:
    if of not in values:
        return Text("-", "dim")
    if of == "growth":
        return Text(Kind.GROWTH.show(values[of]))
    shown = KINDS[figure.measure].show(values[of])
    return Text(f"{shown}/s" if figure.measure is Measure.FLOW else shown)
