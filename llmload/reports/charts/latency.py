"""Percentiles of times over the run, with the bounds that objectives set them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llmload.metrics.catalogue import METRICS
from llmload.reports.charts.chart import Drawing, Spec, Table
from llmload.reports.charts.colours import SERIES
from llmload.reports.charts.look import Look
from llmload.reports.charts.parts import (
    by_colour,
    clock,
    layers,
    numbers,
    phase_layers,
    rows_of,
    seconds_axis,
    time_axis,
)  # fmt: skip
from llmload.reports.charts.subject import Subject
from llmload.units import format_seconds

__all__ = ["by_class", "over_time"]

_PERCENTILES: Final = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
_ALONE: Final = "p95"
"""What is shown where every result has one line."""
_FEW: Final = 60
_WORTH_DRAWING: Final = 3.0
"""A bound beyond this many times the largest value is left out: it would press all else flat."""

Points = list[dict[str, Any]]


def over_time(metric: str, subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """p50, p95 and p99 of each stretch; of several results, p95 of each."""
    shown = [subject for subject in subjects if any(each.count for each in subject.histograms(metric))]
    if not shown:
        return None
    single = len(shown) == 1
    names = list(_PERCENTILES) if single else [subject.label for subject in shown]
    lines = {name: shown[0].percentile(metric, p) for name, p in _PERCENTILES.items()} if single else {}
    values = list(lines.values()) if single else [subject.percentile(metric, _PERCENTILES[_ALONE]) for subject in shown]
    owners = shown * len(names) if single else shown
    points: Points = [
        {"t": t, "v": value, "what": name}
        for name, subject, series in zip(names, owners, values, strict=True)
        for t, value in zip(numbers(subject.middles), numbers(series), strict=True)
    ]
    known = [point["v"] for point in points]
    bounds = _bounds(metric, shown[0], max(filter(None, known), default=0.0)) if single else []
    title = METRICS[metric].title if single else f"{METRICS[metric].title} {_ALONE}"
    y = seconds_axis([*known, *(bound["v"] for bound in bounds)], title)
    end = max(subject.end for subject in shown)
    channels = {
        "x": {"field": "t", **time_axis(end, look)}, "y": {"field": "v", **y},
        "color": by_colour(look, names, list(_PERCENTILES) if single else SERIES[: len(shown)]),
    }  # fmt: skip
    few = max(len(subject.series) for subject in shown) <= _FEW
    line = {"type": "line", "strokeWidth": 1.8, "point": {"size": 14} if few else False}
    spec = layers(
        look,
        *phase_layers(shown, look),
        {"data": {"values": points}, "mark": line, "encoding": channels},
        *_bound_layers(bounds, y, look),
    )
    return Drawing(spec, _says(metric, shown), _table(metric, shown[0]) if single else _beside(metric, shown))


def by_class(metric: str, subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """p95 of each request class that has any values; nothing where there is but one."""
    classes = subjects[0].classes
    shown = [subject for subject in classes if any(each.count for each in subject.histograms(metric))][: len(SERIES)]
    return over_time(metric, shown, look) if len(shown) > 1 else None


def _bounds(metric: str, subject: Subject, largest: float) -> Points:
    """What objectives ask of percentiles of all calls, as far as it can be seen."""
    objectives = (judgement.objective for judgement in subject.result.judgements)
    asked = {
        (objective.value, f"{objective.stat} {objective.op} {format_seconds(objective.value)}")
        for objective in objectives
        if objective.metric == metric and objective.stat in _PERCENTILES and not objective.where
        and not objective.relation and 0 < objective.value <= _WORTH_DRAWING * largest
    }  # fmt: skip
    return [{"v": value, "said": said} for value, said in sorted(asked)]


def _bound_layers(bounds: Points, y: Spec, look: Look) -> list[Spec]:
    if not bounds:
        return []
    colour, place = {"value": look.colours["bound"]}, {"field": "v", **y}
    right = {"type": "text", "align": "right", "baseline": "bottom", "dx": -2, "dy": -2}
    return [
        {
            "data": {"values": bounds},
            "mark": {"type": "rule", "strokeDash": [6, 4]},
            "encoding": {"y": place, "color": colour},
        },
        {
            "data": {"values": bounds},
            "mark": right,
            "encoding": {"x": {"value": "width"}, "y": place, "text": {"field": "said"}, "color": colour},
        },
    ]


def _says(metric: str, shown: Sequence[Subject]) -> str:
    tops = []
    for subject in shown:
        series = [value for value in numbers(subject.percentile(metric, _PERCENTILES[_ALONE])) if value is not None]
        span = f"{format_seconds(min(series))} to {format_seconds(max(series))}"
        tops.append(span if len(shown) == 1 else f"{subject.label} {span}")
    return f"{METRICS[metric].title} over time: {_ALONE} from {'; '.join(tops)}"


def _seconds(values: Sequence[float | None]) -> list[str]:
    return ["-" if value is None else format_seconds(value) for value in values]


def _table(metric: str, subject: Subject) -> Table:
    columns = {
        "from": [clock(at) for at in subject.series.at],
        "values": [f"{each.count:,}" for each in subject.histograms(metric)],
    }
    for name, p in _PERCENTILES.items():
        columns[name] = _seconds(numbers(subject.percentile(metric, p)))
    return Table(tuple(columns), rows_of(columns))


def _beside(metric: str, shown: Sequence[Subject]) -> Table:
    longest = max(shown, key=lambda subject: len(subject.series))
    columns = {"from": [clock(at) for at in longest.series.at]}
    for subject in shown:
        said = _seconds(numbers(subject.percentile(metric, _PERCENTILES[_ALONE])))
        places = [int(at // subject.series.width) for at in longest.series.at]
        columns[f"{_ALONE}, {subject.label}"] = [said[place] if place < len(said) else "" for place in places]
    return Table(tuple(columns), rows_of(columns))
