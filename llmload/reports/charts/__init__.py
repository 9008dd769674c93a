"""Charts of results, as Vega-Lite specifications. A new one is a function and a line in ``CHARTS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from llmload.reports.charts import heatmap, latency, load, outcomes, percentiles
from llmload.reports.charts.chart import Chart, Drawing
from llmload.reports.charts.look import Look
from llmload.reports.charts.subject import Subject
from llmload.reports.charts.target import TARGET_CHARTS

__all__ = ["CHARTS", "Chart", "Drawing", "Look", "Subject"]

Draw = Callable[[Sequence[Subject], Look], Drawing | None]

_TIMES: Final = {"ttft": "Time to first token", "itl": "Chunk gaps", "latency": "Latency"}


def _over_time(metric: str) -> Chart:
    title = f"{_TIMES[metric]} over time"
    return Chart(metric, title, "How long did it take, when?", partial(latency.over_time, metric))


def _by_class(metric: str) -> Chart:
    title, asks = f"{_TIMES[metric]} by class", "Which kind of call was slow, and when?"
    return Chart(f"{metric}-by-class", title, asks, partial(latency.by_class, metric), most=1)


def _distribution(metric: str) -> Chart:
    draw: Draw = partial(percentiles.distribution, (metric,))
    return Chart(f"{metric}-percentiles", f"{_TIMES[metric]} by percentile", "How bad is it for the unlucky few?", draw)


def _heat(metric: str) -> Chart:
    asks = "Are there several kinds of calls, and did that change?"
    return Chart(f"{metric}-heatmap", f"{_TIMES[metric]}: all values", asks, partial(heatmap.heat, metric), most=1)


_ROWS: Final = (
    Chart("load", "Load", "Was the planned load sent, and answered well?", load.flow),
    *map(_over_time, _TIMES),
    *map(_by_class, _TIMES),
    Chart(
        "percentiles",
        "Times by percentile",
        "How bad is it for the unlucky few?",
        partial(percentiles.distribution, tuple(_TIMES)),
        most=2,
    ),
    *map(_distribution, _TIMES),
    *map(_heat, _TIMES),
    Chart("outcomes", "Outcomes", "How did calls end, and when did that change?", outcomes.over_time, most=1),
    Chart("in-flight", "Calls in flight", "How many calls were open at once?", load.in_flight),
    Chart("tokens", "Output tokens", "How much did the service produce?", load.tokens),
    *TARGET_CHARTS,
)

CHARTS: Final[Mapping[str, Chart]] = MappingProxyType({chart.name: chart for chart in _ROWS})
"""By name, in the order in which a report shows those it shows."""
