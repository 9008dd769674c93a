"""The figures of a run as a table for spreadsheets and data frames: a row for each slice and metric, in SI units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmload.metrics.catalogue import Unit
from llmload.metrics.slices import Slice
from llmload.reports.csv_lines import Cell, csv_lines
from llmload.reports.figures import PERCENTILES, Distribution, distributions, slices
from llmload.reports.result import Result
from llmload.verdict.view import whole_view

__all__ = ["COLUMNS", "SI", "render"]

SI: Final = {
    Unit.TIME: "s", Unit.TOKENS: "tokens", Unit.COUNT: "", Unit.SPEED: "1/s", Unit.MONEY: "USD", Unit.BYTES: "B",
}  # fmt: skip
"""What the figures of each unit are in, as in the JSON result."""
_COUNTS: Final = ("calls", "ok", "errors", "goodput", "input_tokens", "output_tokens", "cost")
_STATS: Final = ("count", "min", "mean", "stddev", *PERCENTILES, "max")
COLUMNS: Final = ("scenario", "started", "slice", "value", *_COUNTS, "metric", "unit", *_STATS)


def render(result: Result) -> bytes:
    """``slice`` is "all" or what the calls are cut by, ``value`` which of them. A slice of which nothing has been
    measured has one row, without a metric; a percentile that the sample can't support is empty."""
    run: tuple[Cell, Cell] = (result.scenario.name, result.started)
    return csv_lines(COLUMNS, ((*run, *row) for row in _rows(result)))


def _rows(result: Result) -> Iterator[tuple[Cell, ...]]:
    yield from _slice("all", "", whole_view(result.summary, ()).slice)
    for dimension, parts in slices(result.summary):
        for value, part in parts.items():
            yield from _slice(dimension, value, part)


def _slice(dimension: str, value: str, calls: Slice) -> Iterator[tuple[Cell, ...]]:
    counts = tuple(getattr(calls, name) for name in _COUNTS)
    found = distributions(calls)
    for member in found.values():
        yield (dimension, value, *counts, member.metric.name, SI[member.metric.unit], *_stats(member))
    if not found:
        yield (dimension, value, *counts, "", "", *[None] * len(_STATS))


def _stats(found: Distribution) -> tuple[Cell, ...]:
    figures = found.to_json()
    return tuple(figures[name] for name in _STATS)
