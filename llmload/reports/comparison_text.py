"""A comparison for people, on a terminal: what differs about the runs first, then their figures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from llmload.analysis.compare import Row
from llmload.analysis.difference import Change
from llmload.analysis.figure import Figure
from llmload.analysis.parity import Parity
from llmload.reports.comparison import Against, Comparison, Outcome, Party
from llmload.reports.comparison_words import (
    change_of,
    headline,
    interval_of,
    method_of,
    probability_of,
    remarks,
    size_of,
    verdict_line,
)
from llmload.reports.grid import Column, grid
from llmload.reports.style import ASCII_SIGNS
from llmload.safe import clean
from llmload.units import counted

__all__ = ["parity_words", "render"]

_STYLES: Final = {Change.WORSE: "bold red", Change.BETTER: "green", Change.SAME: "", Change.UNCLEAR: "dim"}
_HEADLINES: Final = {
    Outcome.WORSE: "bold red", Outcome.FINE: "bold green", Outcome.UNCLEAR: "bold yellow",
    Outcome.NOTHING: "bold yellow",
}  # fmt: skip
_MARKS: Final = {Change.WORSE: "!", Change.BETTER: "+", Change.SAME: "=", Change.UNCLEAR: "?"}


def render(comparison: Comparison, width: int = 80, color: bool = False, unicode: bool = True) -> str:
    """The whole of it, lines of at most ``width`` columns; ``unicode`` False keeps to ASCII."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=1000, force_terminal=color, no_color=not color, legacy_windows=False,
        color_system="standard" if color else None, markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    for section in _sections(comparison, width):
        for line in section:
            console.print(line)
        console.print()
    lines = "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines()) + "\n"
    return lines if unicode else lines.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _sections(comparison: Comparison, width: int) -> Iterator[list[Text]]:
    said, style = headline(comparison), _HEADLINES[comparison.outcome]
    names = f"{', '.join(other.party.label for other in comparison.others)} against {comparison.first.label}"
    if len(said) + 2 + cell_len(names) <= width:
        title = [Text.assemble((said, style), (f"  {names}", "bold"))]
    else:
        title = [Text(said, style), Text(names, "bold")]
    yield [*title, *(Text(_party_line(party), "dim") for party in _parties(comparison))]
    for other in comparison.others:
        if found := list(_unlike(other, width)):
            yield found
    if len(comparison.others) > 1:
        yield list(_parity_table(comparison, width))
    else:
        yield list(_table(comparison.others[0], comparison, width))
    for other in comparison.others:
        if other.parity is not None:
            yield [Text(line) for line in wrap(f"{other.party.label}: {parity_words(other.parity)}", width)]


def _parties(comparison: Comparison) -> list[Party]:
    return [comparison.first, *(other.party for other in comparison.others)]


def _party_line(party: Party) -> str:
    result = party.results[0]
    runs = f"{len(party.results)} runs of " if len(party.results) > 1 else ""
    environment = f", environment {clean(result.scenario.environment, 30)}" if result.scenario.environment else ""
    calls = sum(result.summary.completed for result in party.results)
    scenario, started = clean(result.scenario.name, 40), clean(result.started, 40)
    return f"{party.label}: {runs}{scenario}{environment}, {counted(calls, 'call')}, {started}"


def _unlike(other: Against, width: int) -> Iterator[Text]:
    for kind, texts, style in (("", other.warnings, "yellow"), ("differs in ", other.differences, "dim")):
        for text in texts:
            yield from (Text(line, style) for line in wrap(f"{kind}{text}", width))


def _table(other: Against, comparison: Comparison, width: int) -> Iterator[Text]:
    share = f"{comparison.measure.confidence * 100:.4g} % interval"
    columns = (
        Column("Figure", right=False), Column("A"), Column("B"), Column("change"), Column(share),
        Column("P(worse)", rank=2), Column("least", rank=3), Column("of", rank=4), Column("", right=False),
    )  # fmt: skip
    rows: list[list[Text] | Text] = []
    cls = ""
    for row in other.rows:
        if row.cls != cls:
            cls = row.cls
            rows.append(Text(clean(cls, 60), "bold"))
        rows.append(_cells(row))
    yield from grid(columns, rows, width)
    yield Text(verdict_line(other))
    yield from _remarks(other, width)


def _cells(row: Row) -> list[Text]:
    found, style = row.difference, _STYLES[row.difference.change]
    return [
        Text(str(row.figure)),
        Text(row.figure.show(found.a.value)),
        Text(row.figure.show(found.b.value)),
        Text(change_of(row), style),
        Text(interval_of(row), "dim"),
        Text(probability_of(row), "dim"),
        Text(size_of(row), "dim"),
        Text(method_of(row), "dim"),
        Text(found.change.value, style),
    ]


def _remarks(other: Against, width: int) -> Iterator[Text]:
    for said in remarks(other):
        yield from (Text(line, "dim") for line in wrap(said, width))


def _parity_table(comparison: Comparison, width: int) -> Iterator[Text]:
    """Every side in a column of its own, with the change against the first, and a sign for what it means."""
    found = [{(row.cls, row.figure): row for row in other.rows} for other in comparison.others]
    keys = list(dict.fromkeys(key for each in found for key in each))
    columns = [Column("Figure", right=False), Column(clean(comparison.first.name, 20))]
    columns += [Column(clean(other.party.name, 20)) for other in comparison.others]
    rows: list[list[Text] | Text] = []
    cls = ""
    for key in keys:
        if key[0] != cls:
            cls = key[0]
            rows.append(Text(clean(cls, 60), "bold"))
        have = next(each[key] for each in found if key in each)
        rows.append(
            [
                Text(str(key[1])),
                Text(key[1].show(have.difference.a.value)),
                *map(_parity_cell, found, [key] * len(found)),
            ]
        )
    yield from grid(columns, rows, width)
    yield Text("! worse, + better, = the same within the minimum effect, ? can't say", "dim")
    for other in comparison.others:
        yield Text(f"{other.party.label}: {verdict_line(other)}")


def _parity_cell(rows: dict[tuple[str, Figure], Row], key: tuple[str, Figure]) -> Text:
    row = rows.get(key)
    if row is None:
        return Text("")
    change = row.difference.change
    return Text(f"{row.figure.show(row.difference.b.value)} {change_of(row)} {_MARKS[change]}", _STYLES[change])


def parity_words(found: Parity) -> str:
    """Whether one is the other times a constant, and whether they move together."""
    parts = [
        f"times are {found.factor:.3g} times those of the first (from {found.least:.3g} to {found.most:.3g}, "
        f"{found.count} figures)",
        f"correlation of the figures {found.figures:.3f}" if found.figures is not None else "",
        f"over time (latency in {found.windows} stretches) {found.over_time:.2f}"
        if found.over_time is not None
        else "",
    ]
    return ", ".join(filter(None, parts))
