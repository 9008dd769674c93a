"""Parts of specifications that charts share: axes, phases, colours with a legend."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from llmload.reports.charts.chart import Spec
from llmload.reports.charts.look import Look
from llmload.reports.charts.subject import Subject
from llmload.safe import clean

__all__ = [
    "SECONDS",
    "by_colour",
    "clock",
    "layers",
    "numbers",
    "phase_layers",
    "seconds_axis",
    "text_ticks",
    "time_axis",
]

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
SECONDS: Final = (
    "datum.value == 0 ? '0' : datum.value < 1e-3 ? format(datum.value * 1e6, '~r') + ' µs' :"
    " datum.value < 1 ? format(datum.value * 1e3, '.3~r') + ' ms' : format(datum.value, '.3~r') + ' s'"
)
"""How an axis writes seconds, in Vega's language."""
_LOG_BEYOND: Final = 30.0
"""The largest value over the smallest from which on a scale of times is logarithmic."""
_LONGEST_NAME: Final = 40
_AROUND: Final = 8
"""Letters' room that an entry of a legend takes beside its text."""
_GUTTER: Final = 60
"""Pixels left of a plot, about."""
_ROOM_TO_SAY: Final = 30
"""Letters that have room, from which on a phase says that it is not measured."""
_ENOUGH: Final = 8
"""Letters that a name may be cut to."""
_WORDS: Final = re.compile(r"[\s_-]+")


def clock(seconds: float) -> str:
    """ "0:07", "12:30", "3:04:05"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def numbers(values: Iterable[float]) -> list[float | None]:
    """Ready for a specification: five digits, None where there is none."""
    return [None if math.isnan(value) else float(f"{value:.5g}") for value in values]


def time_axis(end: float, look: Look) -> Spec:
    """The x channel of a chart over time, from 0 to ``end`` seconds."""
    most = max(2, look.letters_in(look.width) // 11)
    step = next((step for step in _STEPS if end / step <= most), 86_400 * math.ceil(end / 86_400 / most))
    ticks = [n * step for n in range(math.floor(end / step) + 1)]
    return {
        "type": "quantitative",
        "scale": {"domain": [0, float(f"{end:.6g}")], "nice": False, "zero": True},
        "axis": {"title": None, "grid": False, "values": ticks, "labelExpr": text_ticks(map(clock, ticks), ticks)},
    }


def text_ticks(texts: Iterable[str], values: Iterable[float]) -> str:
    """A labelExpr that writes each value as a text of ours (no text of others may come into an expression)."""
    cases = "".join(f"datum.value == {value} ? '{text}' : " for text, value in zip(texts, values, strict=True))
    return f"{cases}''"


def seconds_axis(values: Sequence[float | None], title: str | None = None, log: bool | None = None) -> Spec:
    """The y channel of times in seconds; logarithmic where they are of very different sizes, and it says so."""
    known = [value for value in values if value]
    if log is None:
        log = bool(known) and max(known) > _LOG_BEYOND * min(known)
    said = ", ".join(filter(None, [title, "log scale" if log else ""]))
    ticks: dict[str, Any] = {"values": _log_ticks(min(known), max(known))} if log and known else {"tickCount": 5}
    scale: Spec = {"type": "log", "nice": True} if log and known else {"zero": True, "nice": True}
    return {
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": said or None, "labelExpr": SECONDS, "titleAnchor": "end", "labelOverlap": True, **ticks},
    }


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    marks = (1,) if last - first > 3 else (1, 3) if last - first > 1 else (1, 2, 5)
    return [float(f"{mark * 10.0**size:.3g}") for size in range(first, last + 1) for mark in marks]


def by_colour(look: Look, names: Sequence[str], meanings: Sequence[str]) -> Spec:
    """The colour channel of a field ``what``, whose values are ``names``; they stand for the ``meanings``. A single
    one needs no legend."""
    longest = max(map(len, names), default=1) + _AROUND
    fitting = max(1, look.letters_in(look.width - _GUTTER) // longest)
    scale = {"domain": list(names), "range": [look.colours[meaning] for meaning in meanings]}
    legend = {"columns": min(fitting, len(names))} if len(names) > 1 else None
    return {"field": "what", "type": "nominal", "scale": scale, "sort": None, "legend": legend}


def phase_layers(subjects: Sequence[Subject], look: Look) -> list[Spec]:
    """Phases as bands behind a chart over time, their names above it where there is room.

    Nothing where results differ in them, or there is only one.
    """
    phases = subjects[0].result.summary.phases
    same = all(subject.result.summary.phases == phases for subject in subjects)
    if not same or len(phases) < 2:
        return []
    end = max(subject.end for subject in subjects)
    bands: list[dict[str, Any]] = []
    for n, phase in enumerate(phases):
        stop = min(phase.end, end)
        if stop <= phase.start:
            continue
        kind = "unmeasured" if not phase.measure else "band"
        room = look.letters_in((stop - phase.start) / end * (look.width - _GUTTER) - 6)
        shade = 1.0 if n % 2 or not phase.measure else 0.0
        name = phase.name if phase.measure or room < _ROOM_TO_SAY else f"{phase.name} (not measured)"
        bands.append(
            {"t": phase.start, "u": stop, "fill": look.colours[kind], "shade": shade, "said": _fitted(name, room)}
        )
    span = {"x": {"field": "t", "type": "quantitative"}}
    fill = {
        "color": {"field": "fill", "type": "nominal", "scale": None},
        "opacity": {"field": "shade", "type": "quantitative", "scale": None},
    }
    text = {"y": {"value": -4}, "text": {"field": "said"}}
    mark = {"type": "text", "align": "left", "baseline": "bottom", "dx": 2}
    return [
        {"data": {"values": bands}, "mark": {"type": "rect"}, "encoding": {**span, "x2": {"field": "u"}, **fill}},
        {"data": {"values": bands}, "mark": mark, "encoding": {**span, **text}},
    ]


def _fitted(name: str, room: int) -> str:
    """A phase's name where it fits, its last word ("step-300": "300") where that does, else nothing."""
    whole = clean(name, _LONGEST_NAME)
    short = _WORDS.split(whole)[-1]
    if len(whole) <= room or room >= _ENOUGH:
        return clean(whole, max(room, 1))
    return short if len(short) <= room else ""


def layers(look: Look, *parts: Spec, **more: Any) -> Spec:
    """A whole chart from layers, the first one at the back."""
    return {"width": look.width, "height": look.height, "config": look.config(), "layer": list(parts), **more}


def rows_of(columns: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Columns of equal length as rows."""
    return tuple(zip(*columns.values(), strict=True))
