"""How calls ended, over time: what went wrong at the bottom, where it is easiest to compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from llmload.analysis.series import Floats
from llmload.records import Outcome
from llmload.reports.charts.chart import Drawing, Table
from llmload.reports.charts.look import Look
from llmload.reports.charts.parts import by_colour, clock, layers, numbers, phase_layers, rows_of, time_axis
from llmload.reports.charts.subject import Subject
from llmload.units import format_count

__all__ = ["FAMILIES", "over_time"]

FAMILIES: Final[tuple[tuple[str, str, tuple[Outcome, ...]], ...]] = (
    ("server error (5xx)", "server-error", (Outcome.HTTP_503, Outcome.HTTP_5XX)),
    ("rate limited (429)", "rate-limited", (Outcome.HTTP_429,)),
    ("refused (4xx)", "refused", (Outcome.HTTP_4XX,)),
    (
        "timed out", "timeout",
        (Outcome.TIMEOUT_CONNECT, Outcome.TIMEOUT_FIRST_TOKEN, Outcome.TIMEOUT_IDLE, Outcome.TIMEOUT_TOTAL),
    ),
    ("no connection", "unreachable", (Outcome.CONNECT_ERROR, Outcome.TLS_ERROR)),
    (
        "broken answer", "broken",
        (Outcome.PROTOCOL_ERROR, Outcome.ERROR_EVENT, Outcome.TRUNCATED, Outcome.EMPTY, Outcome.CORRUPT),
    ),
    (
        "left, dropped or unfinished", "ours",
        (Outcome.CANCELLED, Outcome.DROPPED, Outcome.GENERATOR_ERROR, Outcome.UNFINISHED),
    ),
    ("good", "ok", (Outcome.OK, Outcome.EXPECTED_STATUS)),
)  # fmt: skip
"""Outcomes that call for the same thing have one colour: title, colour, members. From the bottom to the top."""


def over_time(subjects: Sequence[Subject], look: Look) -> Drawing | None:
    """Calls per second that ended so, one upon the other."""
    subject = subjects[0]
    found = {outcome: counts for outcome in Outcome if (counts := subject.series.outcome(outcome)).any()}
    if not found:
        return None
    families = [
        (title, colour, [found[each] for each in members if each in found]) for title, colour, members in FAMILIES
    ]
    shown = [(title, colour, np.sum(counts, axis=0)) for title, colour, counts in families if counts]
    bars = _bars(subject, [(title, counts) for title, _, counts in shown])
    channels = {
        "x": {"field": "t", **time_axis(subject.end, look)}, "x2": {"field": "u"},
        "y": {
            "field": "v", "type": "quantitative",
            "axis": {"title": "calls/s", "titleAnchor": "end", "tickCount": 5, "format": "~s"},
        },
        "y2": {"field": "w"},
        "color": by_colour(look, [title for title, _, _ in shown], [colour for _, colour, _ in shown]),
    }  # fmt: skip
    spec = layers(
        look,
        *phase_layers(subjects, look),
        {"data": {"values": bars}, "mark": {"type": "rect"}, "encoding": channels},
    )
    said = ", ".join(f"{format_count(counts.sum())} {title}" for title, _, counts in reversed(shown))
    return Drawing(spec, f"How calls ended, over time: {said}", _table(subject, found))


def _bars(subject: Subject, shown: Sequence[tuple[str, Floats]]) -> list[dict[str, Any]]:
    edges, seconds = numbers(subject.edges), np.diff(subject.edges)
    below = np.zeros(len(seconds))
    bars: list[dict[str, Any]] = []
    for title, counts in shown:
        above = below + counts / seconds
        for n in np.flatnonzero(counts):
            low, high = numbers((below[n], above[n]))
            bars.append({"t": edges[n], "u": edges[n + 1], "v": low, "w": high, "what": title})
        below = above
    return bars


def _table(subject: Subject, found: dict[Outcome, Floats]) -> Table:
    columns = {"from": [clock(at) for at in subject.series.at]}
    for outcome, counts in found.items():
        columns[str(outcome)] = [format_count(count) for count in counts]
    return Table(tuple(columns), rows_of(columns))
