"""Charts of the target itself, as observers saw it beside its answers: one figure over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from llmload.analysis.series import Floats
from llmload.metrics.observed import FIGURES, Measure, Samples, figure_of, mean_of
from llmload.reports.charts.chart import Chart, Drawing, Spec, Table
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
)
from llmload.reports.charts.subject import Subject
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.verdict.target import KINDS

__all__ = ["TARGET_CHARTS", "shown_of"]

_ASKS: Final[Mapping[str, str]] = {
    "cpu": "How busy did it keep the machine?",
    "memory": "Does it give back what it takes?",
    "queue": "Does work pile up?",
    "running": "How many requests are worked on at once?",
    "requests": "How many requests does it say it finished?",
    "cache": "How full is the KV cache?",
    "gpu": "How busy were the GPUs?",
    "probe": "When did it stand still?",
}
"""The figures that have a chart, with what it answers."""
_MOST: Final = 8
"""Lines of a chart."""
_MOST_CHARTS: Final = 12
"""Of one result."""
_SIZES: Final = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("bytes", 1.0))


@dataclass(frozen=True, slots=True)
class _Line:
    """What one observer saw in every stretch of a subject: nan where it saw nothing."""

    name: str
    subject: Subject
    mean: Floats
    low: Floats
    high: Floats


def shown_of(result: Result) -> list[Chart]:
    """Those of one result: of figures that have a chart, then of those that its scenario made."""
    found = {name for seen in result.summary.observed.values() for name in seen.figures}
    own = [_chart(name) for name in sorted(found - FIGURES.keys())]
    return [*(chart for name, chart in zip(_ASKS, TARGET_CHARTS, strict=True) if name in found), *own][:_MOST_CHARTS]


def _chart(name: str) -> Chart:
    title = figure_of(name).title
    asks = _ASKS.get(name, "As the scenario defines it")
    return Chart(f"target-{clean(name, 40)}", f"Target: {clean(title, 40)}", asks, partial(over_time, name), _MOST)


def over_time(name: str, subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """Its mean in every stretch of time; where there is one line, also between which values it was."""
    lines = [line for subject in subjects for line in _lines(subject, name, len(subjects) > 1)][:_MOST]
    if not lines:
        return None
    figure, top = figure_of(name), max(float(np.nanmax(line.high)) for line in lines)
    unit, per = _unit(figure.measure, top)
    points = [
        {"t": t, "v": v, "low": low, "high": high, "what": line.name}
        for line in lines
        for t, v, low, high in zip(
            numbers(line.subject.middles), *(numbers(each / per) for each in (line.mean, line.low, line.high)),
            strict=True,
        )
    ]  # fmt: skip
    end = max(line.subject.end for line in lines)
    x = {"field": "t", **time_axis(end, look)}
    y = _axis(figure.measure, [point["v"] for point in points], unit)
    colour = by_colour(look, [line.name for line in lines], SERIES[: len(lines)])
    channels: dict[str, Any] = {"x": x, "y": {"field": "v", **y}, "color": colour}
    mark: Spec = {"type": "line", "strokeWidth": 1.8, "point": {"size": 14}}
    parts = [{"data": {"values": points}, "mark": mark, "encoding": channels}]
    if len(lines) == 1:
        channels["color"] = {"value": look.colours[SERIES[0]]}
        band = {**channels, "y": {"field": "low", **y}, "y2": {"field": "high"}}
        parts.insert(0, {"data": {"values": points}, "mark": {"type": "area", "opacity": 0.25}, "encoding": band})
    show = KINDS[figure.measure].show
    peaks = ", ".join(f"{line.name} at most {show(float(np.nanmax(line.high)))}" for line in lines)
    spec = layers(look, *phase_layers([line.subject for line in lines], look), *parts)
    return Drawing(spec, f"{clean(figure.title, 40)} over time: {peaks}", _table(lines, name))


TARGET_CHARTS: Final = tuple(map(_chart, _ASKS))


def _lines(subject: Subject, name: str, several: bool) -> Iterator[_Line]:
    """``several`` results: a line's name says of which it is."""
    for observer, seen in sorted(subject.result.summary.observed.items()):
        if name in seen.figures and (line := _line(observer, subject, seen.figures[name])) is not None:
            yield line if not several else _renamed(line)


def _line(observer: str, subject: Subject, samples: Samples) -> _Line | None:
    edges = subject.edges
    bins = [samples.within([span]) for span in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
    if not any(bins):
        return None
    mean, low, high = (
        np.array([np.nan if (value := read(each)) is None else value for each in bins], float)
        for read in (
            mean_of,
            lambda each: min((part.low for part in each), default=None),
            lambda each: max((part.high for part in each), default=None),
        )
    )
    return _Line(clean(observer, 24), subject, mean, low, high)


def _renamed(line: _Line) -> _Line:
    return _Line(f"{line.subject.label} {line.name}", line.subject, line.mean, line.low, line.high)


def _unit(measure: Measure, top: float) -> tuple[str, float]:
    """What an axis is in, and how much of it one is."""
    if measure not in (Measure.BYTES, Measure.FLOW):
        return "/s" if measure is Measure.RATE else "", 1.0
    unit, per = next(((unit, per) for unit, per in _SIZES if top >= per), _SIZES[-1])
    return f"{unit}/s" if measure is Measure.FLOW else unit, per


def _axis(measure: Measure, values: Sequence[float | None], unit: str) -> Spec:
    if measure is Measure.TIME:
        return seconds_axis(values, log=False)
    form = ".3~p" if measure is Measure.SHARE else "~s"
    axis = {"title": unit or None, "titleAnchor": "end", "tickCount": 4, "format": form}
    return {"type": "quantitative", "scale": {"zero": True, "nice": True}, "axis": axis}


def _table(lines: Sequence[_Line], name: str) -> Table:
    """A row for each stretch of the longest result."""
    show = KINDS[figure_of(name).measure].show
    longest = max((line.subject for line in lines), key=lambda subject: len(subject.series))
    columns = {"from": [clock(at) for at in longest.series.at]}
    for line in lines:
        for title, values in (("mean", line.mean), ("largest", line.high)):
            cells = ["" if np.isnan(value) else show(float(value)) for value in values]
            columns[f"{line.name}, {title}"] = cells + [""] * (len(longest.series) - len(cells))
    return Table(tuple(columns), rows_of(columns))
