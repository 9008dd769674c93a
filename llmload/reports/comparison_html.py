"""A comparison as a page of its own, in the frame of the HTML report: no script, no request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmload import __version__
from llmload.reports.comparison import Against, Comparison, Outcome
from llmload.reports.comparison_text import parity_words
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
from llmload.reports.html.markup import Html, Node, element, joined, table
from llmload.reports.html.page import document

__all__ = ["render"]

_CLASSES: Final = {
    Outcome.WORSE: "verdict fail", Outcome.FINE: "verdict pass", Outcome.UNCLEAR: "verdict",
    Outcome.NOTHING: "verdict",
}  # fmt: skip


def render(comparison: Comparison) -> bytes:
    """A page in UTF-8."""
    names = ", ".join(other.party.label for other in comparison.others)
    said, title = headline(comparison), f"{names} against {comparison.first.label}"
    top = element(
        "section",
        element("p", said, class_="decision"),
        element("h1", title),
        (element("p", f"{other.party.label}: {verdict_line(other)}", class_="answer") for other in comparison.others),
        class_=_CLASSES[comparison.outcome],
    )
    sections = [element("section", joined(*_section(other, comparison))) for other in comparison.others]
    footer = element("footer", f"Made by llmload {__version__} from saved results.", class_="dim")
    return document(f"{said}: {title}", top, *sections, footer)


def _section(other: Against, comparison: Comparison) -> Iterator[Html]:
    yield element("h2", f"{other.party.label} against {comparison.first.label}")
    if other.warnings:
        yield element("ul", (element("li", text) for text in other.warnings), class_="reasons")
    share = f"{comparison.measure.confidence * 100:.4g} % interval"
    columns = ("Figure", "class", "verdict", "before", "after", "change", share, "P(worse)", "min. effect", "of")
    yield table(columns, _rows(other), texts=3)
    yield from (element("p", text, class_="dim") for text in remarks(other))
    if other.parity is not None:
        yield element("p", f"As a whole, {parity_words(other.parity)}.")
    if other.differences:
        yield element("h3", "What else differs about the runs")
        yield element("ul", (element("li", text) for text in other.differences), class_="reasons")


def _rows(other: Against) -> Iterator[list[Node]]:
    worse = set(map(id, other.worse))
    for row in other.rows:
        found = row.difference
        verdict: Node = element("b", found.change.value) if id(row) in worse else found.change.value
        yield [
            str(row.figure), row.cls, verdict, row.figure.show(found.a.value), row.figure.show(found.b.value),
            change_of(row), interval_of(row), probability_of(row), size_of(row), method_of(row),
        ]  # fmt: skip
