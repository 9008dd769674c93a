"""A run over time as a table: a row for each window and class, times in seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.summary import PhaseInfo, Summary, Window
from llmload.metrics.windows import SERIES, as_slice
from llmload.records import Outcome
from llmload.reports.csv_lines import Cell, csv_lines
from llmload.reports.result import Result

__all__ = ["render"]

_COUNTS: Final = ("completed", "ok", "errors", "goodput", "input_tokens", "output_tokens")
_PERCENTILES: Final = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
_STATS: Final = ("count", "mean", *_PERCENTILES, "max")
_COLUMNS: Final = (
    "at", "width", "phase", "class", "planned", "sent", "in_flight", *_COUNTS,
    *(f"{metric}_{stat}" for metric in SERIES for stat in _STATS), *map(str, Outcome),
)  # fmt: skip


def render(result: Result) -> bytes:
    """``at``: where the window begins, in seconds since the start of the run. A row without a class is about all
    calls; it stands for every window, those of the classes where one of their calls ended."""
    return csv_lines(_COLUMNS, _rows(result.summary))


def _rows(summary: Summary) -> Iterator[tuple[Cell, ...]]:
    width = summary.window_seconds
    for number in range(max(summary.windows, default=-1) + 1):
        by_class = summary.windows.get(number, {})
        place = (number * width, width, _phase(summary.phases, number * width))
        yield (*place, *_whole(list(by_class.values())))
        yield from ((*place, *_of_class(cls, window)) for cls, window in sorted(by_class.items()) if cls)


def _phase(phases: Sequence[PhaseInfo], at: float) -> str:
    return next((phase.name for phase in phases if phase.start <= at < phase.end), "")


def _whole(windows: Sequence[Window]) -> tuple[Cell, ...]:
    planned, sent, in_flight = (
        sum(getattr(window, name) for window in windows) for name in ("planned", "sent", "in_flight")
    )
    return "", planned, sent, in_flight, *_figures(windows)


def _of_class(cls: str, window: Window) -> tuple[Cell, ...]:
    """What is planned, sent and in flight is known of no single class."""
    return cls, None, None, None, *_figures([window])


def _figures(windows: Sequence[Window]) -> Iterator[Cell]:
    calls = as_slice(windows)
    yield from (getattr(calls, name) for name in _COUNTS)
    for metric in SERIES:
        values, unit = calls.histogram(metric), scale(METRICS[metric])
        if values.count:
            percentiles = (values.percentile(p) * unit for p in _PERCENTILES.values())
            yield from (values.count, values.mean * unit, *percentiles, values.max * unit)
        else:
            yield from (0, *[None] * (len(_STATS) - 1))
    yield from (calls.outcomes.get(outcome, 0) for outcome in Outcome)
