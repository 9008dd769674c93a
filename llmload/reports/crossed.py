"""Dimensions in reports: every two of them crossed, and which of them explain how latencies vary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from llmload import units
from llmload.analysis.crossings import METRIC, Crossing, Group, crossings, cuts
from llmload.analysis.variance import Term, Variance, planned, variance
from llmload.metrics.catalogue import METRICS, format_value, scale
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean

__all__ = ["GROUP_COLUMNS", "TERM_COLUMNS", "Crossed", "crossed", "crossed_figures", "crossed_section"]

_MOST_TERMS: Final = 12
_MOST_ROWS: Final = 30
_SHARED: Final = 0.001
"""What several explain together from which it has a row."""
_UNIT: Final = scale(METRICS[METRIC])
TERM_COLUMNS: Final = (
    Column("What explains latency", right=False, least=24), Column("of all", rank=1), Column("with both", rank=2),
    Column("within class and phase"), Column("F test", rank=3),
)  # fmt: skip
GROUP_COLUMNS: Final = (
    Column("Crossings", right=False, least=24), Column("calls"), Column("failed"), Column("latency p50"), Column("p95"),
)  # fmt: skip


def crossed_figures(summary: Summary) -> dict[str, Any]:
    """All of it as plain values in SI units; a percentile that the calls don't support is null."""
    found = variance(summary)
    return {
        "crossings": [
            {"of": crossing.of, "groups": [_group_json(values, group) for values, group in crossing.groups.items()]}
            for crossing in crossings(summary, cuts(summary))
        ],
        "variance": None if found is None else _variance_json(found),
    }


def _group_json(values: Sequence[str], group: Group) -> dict[str, Any]:
    percentiles = {f"p{p}": _seconds(group.latency, p) for p in (50, 95)}
    return {"values": values, "calls": group.calls, "errors": group.errors, **percentiles}


def _seconds(latency: Histogram, p: int) -> float | None:
    return _tidy(latency.percentile(p) * _UNIT) if latency.enough(p) else None


def _variance_json(found: Variance) -> dict[str, Any]:
    return {
        "calls": found.calls,
        "spread": _tidy(found.spread),
        "same": {cut.name: cut.also for cut in found.cuts if cut.also},
        "terms": [
            {
                "of": term.of, "freedom": term.freedom, "share": _tidy(term.share), "together": _tidy(term.together),
                "within": None if term.within is None else _tidy(term.within), "p": _tidy(term.p),
            }
            for term in found.terms
        ],
        "left": _tidy(found.left),
        "shared": _tidy(found.shared),
        "sharing": found.sharing,
        "skipped": found.skipped,
    }  # fmt: skip


def _tidy(value: float) -> float:
    """Six significant digits: more than the analysis is exact to."""
    return float(f"{value:.6g}")


@dataclass(frozen=True, slots=True)
class Crossed:
    """``terms``: rows under ``TERM_COLUMNS``; ``remarks`` on them; ``groups``: a title and rows under ``GROUP_COLUMNS``
    for each crossing; ``left``: groups for which there is no room."""

    terms: list[list[Text]]
    remarks: list[str]
    groups: list[tuple[str, list[list[Text]]]]
    left: int


def crossed(summary: Summary) -> Crossed | None:
    """What explains latency, then the calls of every crossing of dimensions that are more than class and phase (and
    what these tell: the table by class shows as much). Nothing is explained by one dimension beside which no other is.
    """
    every = cuts(summary)
    asked = planned(every)
    if {cut.name for cut in every} <= asked:
        return None
    found = variance(summary) if len(every) > 1 else None
    terms, remarks = ([], []) if found is None else _terms(found)
    order = {} if found is None else {term.of: term.together for term in found.terms}
    chosen = [crossing for crossing in crossings(summary, every) if not set(crossing.of) <= asked]
    chosen.sort(key=lambda crossing: -order.get(crossing.of, 0.0))
    groups = _groups(chosen)
    left = sum(len(crossing.groups) for crossing in chosen) - sum(len(rows) for _, rows in groups)
    return Crossed(terms, remarks, groups, left)


def crossed_section(summary: Summary, width: int) -> Iterator[Text]:
    """All of it for a terminal."""
    found = crossed(summary)
    if found is None:
        return
    if found.terms:
        yield from grid(TERM_COLUMNS, found.terms, width)
        yield from (Text(said, "dim") for said in found.remarks)
    rows: list[list[Text] | Text] = []
    for title, cells in found.groups:
        rows.append(Text(title, "dim italic"))
        rows += [[Text(f"  {first.plain}"), *others] for first, *others in cells]
    if found.terms and rows:
        yield Text()
    if rows:
        yield from grid(GROUP_COLUMNS, rows, width)
    if found.left > 0:
        yield Text(f"and {found.left:,} more, which are in the JSON document", "dim")


def _terms(found: Variance) -> tuple[list[list[Text]], list[str]]:
    if all(term.within is None for term in found.terms):
        return [], []
    terms = sorted(found.terms, key=lambda term: (term.within is None, -(term.within or term.together)))
    rows = [_term_row(term) for term in terms[:_MOST_TERMS]]
    if found.shared >= _SHARED:
        rows.append(_remainder(_shared(found), found.shared))
    rows.append(_remainder("(none of these)", found.left))
    more = [f"and {len(terms) - _MOST_TERMS:,} more that explain less"] if len(terms) > _MOST_TERMS else []
    same = [
        f"{_named((cut.name,))} divides the calls as {_named(cut.also, ' and ')} does" for cut in found.cuts if cut.also
    ]
    return rows, more + same


def _shared(found: Variance) -> str:
    return f"(shared by {_named(found.sharing, ' and ')})" if len(found.sharing) > 1 else "(shared by several)"


def _remainder(name: str, share: float) -> list[Text]:
    return [Text(name, "dim"), Text(units.format_share(round(share, 4)), "dim"), *[Text("")] * 3]


def _named(names: Sequence[str], joined: str = " x ") -> str:
    return joined.join(clean(name, 28) or "(none)" for name in names)


def _term_row(term: Term) -> list[Text]:
    p = f"p {term.p:.3f}" if term.p >= 0.001 else "p <0.001"
    return [
        Text(_named(term.of)),
        Text(units.format_share(round(term.share, 4))),
        Text("" if len(term.of) == 1 else units.format_share(round(term.together, 4))),
        Text("-" if term.within is None else units.format_share(round(term.within, 4))),
        Text(p, "dim" if term.p >= 0.001 else ""),
    ]


def _groups(chosen: Sequence[Crossing]) -> list[tuple[str, list[list[Text]]]]:
    made: list[tuple[str, list[list[Text]]]] = []
    room = _MOST_ROWS
    for crossing in chosen:
        groups = list(crossing.groups.items())[:room]
        room -= len(groups)
        if groups:
            made.append((_named(crossing.of), [_group_row(values, group) for values, group in groups]))
    return made


def _group_row(values: Sequence[str], group: Group) -> list[Text]:
    answered = group.latency.count + group.errors
    failed = units.format_share(group.errors / answered) if answered else "-"
    return [
        Text(_named(values, " / ")),
        Text(f"{group.calls:,}"),
        Text(failed, "red" if group.errors else ""),
        *(_percentile(group.latency, p) for p in (50, 95)),
    ]


def _percentile(latency: Histogram, p: int) -> Text:
    if not latency.count:
        return Text("-", "dim")
    said = format_value(METRICS[METRIC], latency.percentile(p)).replace(" ", "")
    return Text(said) if latency.enough(p) else Text(f"~{said}", "dim")
