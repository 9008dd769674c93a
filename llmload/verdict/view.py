"""What one objective looks at: the part of a Summary its filters leave, whole run or one window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from llmload.analysis.switches import Outage, outages
from llmload.metrics.differences import PairSums
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Slice, Summary, Window
from llmload.records import Outcome
from llmload.verdict.analysed import PHASES
from llmload.verdict.target import OBSERVE

__all__ = ["Flow", "Span", "View", "measured_spans", "planned_calls", "rolling_views", "whole_view"]

Span = tuple[float, float]
"""From, to: seconds since the start of the run."""

Where = Sequence[tuple[str, str]]

_STEPS: Final = 10
"""A rolling window moves on by this part of its length, or by one stored window if that is longer."""


@dataclass(slots=True)
class Flow:
    """What went by in a stretch of time: counts by when things happened, not by when they were planned."""

    seconds: float = 0.0
    planned: float = 0.0
    sent: float = 0.0
    completed: float = 0.0
    ok: float = 0.0
    goodput: float = 0.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    in_flight: int = 0

    def add(self, window: Window, share: float) -> None:
        """Take the part of a stored window that lies inside the stretch."""
        self.planned += window.planned * share
        self.sent += window.sent * share
        self.completed += window.completed * share
        self.ok += window.ok * share
        self.goodput += window.goodput * share
        self.input_tokens += window.input_tokens * share
        self.output_tokens += window.output_tokens * share
        self.in_flight = max(self.in_flight, window.in_flight)

    @property
    def any(self) -> bool:
        """Time has passed and something went by."""
        return self.seconds > 0 and bool(self.planned or self.sent or self.completed)


@dataclass
class View:
    """The calls that an objective's filters leave (``slice``), and the stretches of time it covers (``spans``).

    ``span`` is set where the view is one rolling window. ``parts``: the calls by the values of the dimension they are
    to be looked at ``over``; calls without one are left out. ``pairs``: of the target and the one it is set
    ``against``.
    """

    summary: Summary
    slice: Slice
    spans: Sequence[Span]
    cls: str | None = None
    outcome: Outcome | None = None
    span: Span | None = None
    parts: Mapping[str, Slice] = field(default_factory=dict)
    over: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    """Phases that an analysis is told, and which observer is meant."""
    phase: str = ""
    pairs: PairSums = field(default_factory=PairSums)

    @cached_property
    def outages(self) -> list[Outage] | None:
        """Those that began in the stretches it covers, of the servers that the label ``over`` names; None where who
        served when was not kept."""
        track = self.summary.tracks.get(self.over)
        if track is None:
            return None
        return [each for each in outages(track) if any(start <= each.start < end for start, end in self.spans)]

    @property
    def calls(self) -> int:
        """Calls that came to any end."""
        return self.slice.calls

    @property
    def good(self) -> int:
        """Calls that got what they should have."""
        return self.slice.ok

    @property
    def errors(self) -> int:
        """Calls the target failed; of one outcome if the objective names it."""
        return self.slice.errors if self.outcome is None else self.slice.outcomes.get(self.outcome, 0)

    @property
    def answered(self) -> int:
        """Calls that are either good or the target's failure."""
        return self.slice.ok + self.slice.errors

    @cached_property
    def flow(self) -> Flow:
        """What happened second by second, added up."""
        return _flow(self.summary, self.spans, self.cls)

    def histogram(self, metric: str) -> Histogram:
        """The metric's values."""
        return self.slice.histogram(metric)


def measured_spans(summary: Summary, phase: str | None = None, until: float = math.inf) -> list[Span]:
    """The measured stretches of the run so far, of one phase if named; neighbours are joined."""
    now = min(summary.elapsed, until)
    if not summary.phases:
        return [(0.0, now)] if now > 0 and phase is None else []
    spans: list[Span] = []
    for info in summary.phases:
        end = min(info.end, now)
        if not info.measure or end <= info.start or phase not in (None, info.name):
            continue
        if spans and spans[-1][1] == info.start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((info.start, end))
    return spans


def planned_calls(summary: Summary) -> int:
    """How many calls the schedule asked for so far, those of unmeasured phases left out."""
    unmeasured = {info.name for info in summary.phases if not info.measure}
    return summary.planned - sum(part.calls for key, part in summary.cells.items() if key.phase in unmeasured)


def whole_view(summary: Summary, where: Where, until: float | None = None) -> View:
    """The whole run, as far as ``where`` leaves it."""
    keys = dict(where)
    outcome, over, against = keys.pop("outcome", None), keys.pop("over", ""), keys.pop("against", "")
    named: dict[str, str] = {key: keys.pop(key) for key in (*PHASES, OBSERVE) if key in keys}
    cls, phase = keys.get("class"), keys.get("phase")
    hidden = phase is not None and phase in {info.name for info in summary.phases if not info.measure}
    chosen = Slice() if hidden else summary.select(measured=True, **keys)
    spans = measured_spans(summary, phase, math.inf if until is None else until)
    parts = summary.split(over, **keys) if over and not hidden else {}
    pairs = summary.paired(against=against, **keys) if against and not hidden else PairSums()
    what = Outcome(outcome) if outcome else None
    return View(summary, chosen, spans, cls, what, parts=parts, over=over, named=named, pairs=pairs, phase=phase or "")


def rolling_views(
    summary: Summary,
    where: Where,
    seconds: float,
    metric: str = "",
    until: float | None = None,
    latest: bool = False,
    drain: bool = True,
) -> Iterator[View]:
    """Windows of that length that lie within measured time, each a tenth of it after the one before; a stretch
    that is shorter makes one window. Of histograms, only those of ``metric`` are there. ``drain``: count the time
    after the schedule, when the last calls end, to its last phase. ``latest``: only the one that ends now.
    """
    keys = dict(where)
    outcome = Outcome(keys["outcome"]) if "outcome" in keys else None
    spans = measured_spans(summary, keys.get("phase"), math.inf if until is None else until)
    if drain and spans and until is None and spans[-1][1] >= summary.elapsed:
        spans[-1] = (spans[-1][0], max(spans[-1][1], _end(summary)))
    positions = _positions(spans, seconds, summary.window_seconds)
    cut = {"class": keys["class"]} if "class" in keys else {}
    named = {OBSERVE: keys[OBSERVE]} if OBSERVE in keys else {}
    source = summary if latest else _only(summary, metric)
    for start, end in positions[-1:] if latest else positions:
        found = source.rolling(end - start, end, **cut)
        yield View(source, found, [(start, end)], keys.get("class"), outcome, (start, end), named=named)


def _only(summary: Summary, metric: str) -> Summary:
    """The windows with the histograms of one metric, since every window is read many times over."""
    light = {
        number: {
            cls: replace(window, series={name: found for name, found in window.series.items() if name == metric})
            for cls, window in by_class.items()
        }
        for number, by_class in summary.windows.items()
    }
    return replace(summary, windows=light)


def _positions(spans: Iterable[Span], seconds: float, width: int) -> list[Span]:
    """Where a rolling window comes to stand; edges lie on the borders of stored windows."""
    length = max(width, math.ceil(seconds / width) * width)
    step = max(width, int(length / _STEPS / width) * width)
    found: list[Span] = []
    for start, end in spans:
        first, last = math.ceil(start / width) * width, math.ceil(end / width) * width
        if last - first <= length:
            found.append((float(first), float(max(last, first + width))))
            continue
        starts = [*range(first, last - length, step), last - length]
        found.extend((float(at), float(at + length)) for at in starts)
    return found


def _end(summary: Summary) -> float:
    """When the last thing happened, to the width of a stored window."""
    return float((max(summary.windows, default=-1) + 1) * summary.window_seconds)


def _flow(summary: Summary, spans: Iterable[Span], cls: str | None) -> Flow:
    flow = Flow()
    width = summary.window_seconds
    for start, end in spans:
        flow.seconds += end - start
        for number in range(int(start // width), math.ceil(end / width)):
            inside = min(end, (number + 1) * width) - max(start, number * width)
            by_class = summary.windows.get(number, {})
            for window in by_class.values() if cls is None else filter(None, [by_class.get(cls)]):
                flow.add(window, inside / width)
    return flow
