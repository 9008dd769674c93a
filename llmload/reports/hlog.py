"""A HdrHistogram log, version 1.3: a line per window and metric, tagged with the metric's name.

The log can be read by any HdrHistogram library and cut to any stretch of time; histograms of one tag add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from llmload.metrics.catalogue import METRICS, Unit
from llmload.metrics.histogram import Histogram
from llmload.metrics.sparse import Sparse
from llmload.metrics.summary import Summary
from llmload.metrics.windows import SERIES
from llmload.reports.figures import distributions
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.verdict.view import whole_view

__all__ = ["WHOLE", "render"]

WHOLE: Final = "run-"
"""What the tags of histograms of the whole measured run begin with; those of windows are the metric's name."""
_LEGEND: Final = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_MILLI: Final = 1000
"""Microseconds to what the column of the largest value is in by convention."""


def render(result: Result) -> bytes:
    """Every window's ``ttft``, ``itl`` and ``latency`` (2 digits), then every metric of the measured phases as a whole
    (3 digits, tag ``run-METRIC``). Times are in microseconds; times of lines count from the start of the run."""
    return "".join(f"{line}\n" for line in _lines(result)).encode()


def _lines(result: Result) -> Iterator[str]:
    start = _epoch(result.started)
    yield "#[Histogram log format version 1.3]"
    yield f"#[llmload {clean(result.version, 40)}, scenario {clean(result.scenario.name, 60)}]"
    yield "#[times are in microseconds, speeds in thousandths per second, costs in billionths of a US dollar]"
    if start:
        yield f"#[StartTime: {start:.3f} (seconds since epoch), {clean(result.started, 40)}]"
    yield f"#[BaseTime: {start:.3f} (seconds since epoch)]"
    yield _LEGEND
    yield from _windows(result.summary)
    for name in distributions(calls := whole_view(result.summary, ()).slice):
        yield _line(f"{WHOLE}{name}", name, 0.0, result.summary.elapsed, calls.histogram(name))


def _windows(summary: Summary) -> Iterator[str]:
    width = float(summary.window_seconds)
    for number, by_class in sorted(summary.windows.items()):
        for name in SERIES:
            parts = [window.series[name] for _, window in sorted(by_class.items()) if name in window.series]
            if parts:
                yield _line(name, name, number * width, width, Sparse.pooled(parts))


def _line(tag: str, metric: str, start: float, length: float, values: Histogram) -> str:
    unit = _MILLI if METRICS[metric].unit is Unit.TIME else 1
    return f"Tag={tag},{start:.3f},{length:.3f},{values.max / unit:.3f},{values.encode()}"


def _epoch(started: str) -> float:
    """Seconds since 1970 of ISO 8601; 0 where it says nothing."""
    try:
        when = datetime.fromisoformat(started)
        return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0
