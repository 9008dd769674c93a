"""The charts of the page, as values: the script draws whatever stands here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from llmload.dashboard.observed import CODES
from llmload.metrics.observed import FIGURES, Measure, Observed, figure_of
from llmload.safe import clean

__all__ = ["PANELS", "Line", "Panel", "column_of", "observed_panels", "plain"]

_MOST_OBSERVED: Final = 12
_NAME: Final = 40
_UNITS: Final[Mapping[Measure, str]] = {
    Measure.SHARE: "share",
    Measure.COUNT: "count",
    Measure.BYTES: "bytes",
    Measure.FLOW: "flow",
    Measure.RATE: "rate",
    Measure.TIME: "time",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A series: the ``column`` of the points it is drawn from, its ``label``, and its ``colour``: a meaning of
    ``reports.charts.colours``. ``dash``: its pattern, for who doesn't see colours."""

    column: str
    label: str
    colour: str
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart. ``unit``: how its values are written: rate, count, time, share, bytes or flow (bytes per second)."""

    id: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    says: str = ""


def _percentiles(metric: str) -> tuple[Line, ...]:
    return (
        Line(f"{metric}.p50", "p50", "p50"),
        Line(f"{metric}.p95", "p95", "p95", "8 3"),
        Line(f"{metric}.p99", "p99", "p99", "2 3"),
    )


PANELS: Final = (
    Panel(
        "load", "Calls per second", "rate",
        (Line("planned", "planned", "planned", "6 4"), Line("sent", "sent", "sent"),
         Line("completed", "completed", "completed", "2 3")),
    ),
    Panel("in-flight", "Calls in flight", "count", (Line("in_flight", "in flight", "in-flight"),), "the most at once"),
    Panel("ttft", "Time to first token", "time", _percentiles("ttft"), "of the calls that ended"),
    Panel("itl", "Time between chunks", "time", _percentiles("itl"), "of the calls that ended"),
    Panel("latency", "Latency", "time", _percentiles("latency"), "of the calls that ended"),
    Panel("tokens", "Output tokens per second", "rate", (Line("tokens", "tokens", "tokens"),), "of good calls"),
    Panel("errors", "Errors per second", "rate", (Line("errors", "errors", "server-error"),), "the target's"),
    Panel("lag", "Schedule lag, p99", "time", (Line("lag", "lag", "ours"),), "the generator's own lateness"),
)  # fmt: skip
"""In their order."""


def column_of(observer: str, figure: str) -> str:
    """The column that a figure of the target is in."""
    return f"{clean(observer, _NAME)} {clean(figure, _NAME)}"


def observed_panels(observed: Mapping[str, Observed]) -> tuple[Panel, ...]:
    """A chart for each figure that was seen of the target; of too many, the weightiest of all observers."""
    seen = sorted(
        (_weight(figure), observer, figure) for observer, each in observed.items() for figure in each.figures
    )[:_MOST_OBSERVED]
    chosen = sorted(seen, key=lambda each: (each[1], each[0], each[2]))
    return tuple(_observed(k, observer, figure) for k, (_, observer, figure) in enumerate(chosen))


def _weight(figure: str) -> int:
    """The least is the weightiest: what the scenario itself defines, then the known ones in their order."""
    if figure not in FIGURES:
        return 0
    return 1 + (list(CODES).index(figure) if figure in CODES else len(CODES))


def _observed(number: int, observer: str, figure: str) -> Panel:
    about, line = figure_of(figure), Line(column_of(observer, figure), clean(figure, _NAME), "series-1")
    title = f"{clean(observer, _NAME)}: {clean(about.title, _NAME)}"
    return Panel(f"seen-{number}", title, _UNITS[about.measure], (line,), "observed of the target")


def plain(panels: Iterable[Panel]) -> list[dict[str, Any]]:
    """As the page gets them."""
    return [asdict(panel) for panel in panels]
