"""A comparison as Markdown, for the comment of a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmload.analysis.difference import Change
from llmload.reports.comparison import Against, Comparison, Outcome
from llmload.reports.comparison_text import parity_words
from llmload.reports.comparison_words import (
    change_of,
    headline,
    interval_of,
    method_of,
    probability_of,
    remark_of,
    size_of,
    verdict_line,
)
from llmload.reports.markdown_text import prose

__all__ = ["render"]

_HEADLINES: Final = {
    Outcome.WORSE: "❌", Outcome.FINE: "✅", Outcome.UNCLEAR: "❔",
    Outcome.NOTHING: "⚠️",
}  # fmt: skip
_SIGNS: Final = {Change.WORSE: "❌ worse", Change.BETTER: "✅ better", Change.SAME: "same", Change.UNCLEAR: "can't say"}


def render(comparison: Comparison) -> bytes:
    """UTF-8; nothing that others wrote is more than text in it."""
    said = headline(comparison)
    parts = [f"### {_HEADLINES[comparison.outcome]} llmload: {said.lower()}", ""]
    for other in comparison.others:
        parts += _section(other, comparison)
    return ("\n".join(parts).rstrip() + "\n").encode("utf-8", "replace")


def _section(other: Against, comparison: Comparison) -> Iterator[str]:
    yield f"**{prose(other.party.name)}** against **{prose(comparison.first.name)}**: {verdict_line(other)}"
    yield ""
    yield from (f"> ⚠️ {prose(text)}" for text in other.warnings)
    if other.warnings:
        yield ""
    share = f"{comparison.measure.confidence * 100:.4g} % interval"
    yield f"| class | figure | before | after | change | {share} | P(worse) | min. effect | of | verdict |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for row in other.rows:
        found = row.difference
        cells = (
            prose(row.cls), str(row.figure), row.figure.show(found.a.value), row.figure.show(found.b.value),
            change_of(row), interval_of(row), probability_of(row), size_of(row), method_of(row),
            f"{_SIGNS[found.change]}{f' ({said})' if (said := remark_of(row)) else ''}",
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""
    if other.parity is not None:
        yield f"As a whole, {parity_words(other.parity)}."
        yield ""
    if other.differences:
        yield f"<details><summary>{len(other.differences)} differences of the runs</summary>"
        yield ""
        yield from (f"- {prose(text)}" for text in other.differences)
        yield ""
        yield "</details>"
        yield ""
