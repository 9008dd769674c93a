"""Objectives against what was measured.

A judgement is made on the observed value; its interval (95 %) says how sure that value is. No data is a
failure: a rule about calls that were never made has not been kept. Unmeasured phases are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Summary
from llmload.units import format_count
from llmload.verdict import measures
from llmload.verdict.analysed import PHASES
from llmload.verdict.bracket import outcome_bracket, switch_bracket, time_bracket
from llmload.verdict.compared import bracket_of, interval_of, value_of
from llmload.verdict.kinds import Kind
from llmload.verdict.objectives import Objective, Side
from llmload.verdict.view import Span, View, rolling_views, whole_view

__all__ = ["Judgement", "abort_due", "judge", "wilson"]

CONFIDENCE: Final = 0.95
_Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_THIN: Final = "not enough samples"
_CLOSE: Final = "too close to call"
_GROWING: Final = frozenset({"count", "total", "max"})
"""Statistics that can only rise while a run goes on."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of an objective. Values are in the objective's SI unit.

    ``observed`` is None without data. ``margin`` is the distance to the bound as a share of it, negative
    beyond it; None where the bound is 0. ``worst_window``: from, to (s) of the window that was judged.
    ``samples``: values the figure is made of (calls, chunk gaps, seconds). ``note``: what to know about it.
    ``bracket``: where the figure lies if the generator's own part in it is taken off (delays, calls that failed for
    want of file descriptors, time-outs); None where that can't be told. ``sides``: the two figures of a comparison.
    ``larger``: the true value is larger than ``observed``, how much is not known.
    """

    objective: Objective
    passed: bool
    observed: float | None = None
    interval: tuple[float, float] | None = None
    margin: float | None = None
    worst_window: Span | None = None
    samples: int = 0
    note: str = ""
    bracket: tuple[float, float] | None = None
    sides: tuple[float, float] | None = None
    larger: bool = False

    @property
    def unproven(self) -> bool:
        """Met, but it could be otherwise: the interval holds the bound, or there are too few samples."""
        return self.passed and any(doubt in self.note for doubt in (_THIN, _CLOSE))

    @property
    def skipped(self) -> bool:
        """Not judged, as may be: nothing observed the target."""
        return self.objective.optional and self.observed is None

    @property
    def close(self) -> bool:
        """The interval holds the bound."""
        return _CLOSE in self.note

    @property
    def sure(self) -> bool:
        """Whatever the generator's part was, the outcome is the same."""
        return self.bracket is not None and all(self.objective.met_by(end) is self.passed for end in self.bracket)


@dataclass(frozen=True, slots=True)
class _Observed:
    """A figure with what backs it."""

    value: float
    samples: int
    interval: tuple[float, float] | None = None
    enough: bool = True
    bracket: tuple[float, float] | None = None
    sides: tuple[float, float] | None = None
    note: str = ""
    larger: bool = False


def judge(
    objectives: Sequence[Objective], summary: Summary, until: int | None = None, latest: bool = False
) -> list[Judgement]:
    """Judge every objective on the run up to second ``until`` (all of it by default), or as far as can be told of a run
    that goes on: what an analysis of the whole finds has no data before its end.

    ``latest``: of rolling windows, look at the one that ends now only. For watching a run: finding the worst
    window of hours takes a second, the latest one no time.
    """
    return [_judge(objective, summary, until, latest) for objective in objectives]


def abort_due(objectives: Sequence[Objective], summary: Summary, now_s: float) -> Judgement | None:
    """The first failure that must stop the running run, if there is one; ``now_s``: seconds since its start.

    Slow to act: not before an objective's ``delay``, not without data, not while its figure could still come
    right (counts that grow), not on a percentile the sample can't support, nor while the interval holds the bound
    or the failure may be the generator's own.
    """
    for objective in objectives:
        if not objective.abort or now_s < objective.delay:
            continue
        if objective.stat in _GROWING and not objective.upper:
            continue
        for observed, span in _look(objective, summary, int(now_s), latest=True):
            if observed.enough and _certainly_missed(objective, observed):
                return _judgement(objective, observed, span)
    return None


def _certainly_missed(objective: Objective, observed: _Observed) -> bool:
    ends = (*(observed.interval or ()), *(observed.bracket or ()), observed.value)
    return not any(objective.met_by(value) for value in ends)


def _look(
    objective: Objective, summary: Summary, until: int | None, latest: bool = False
) -> Iterator[tuple[_Observed, Span | None]]:
    """The figure in each stretch that it is judged in, where there is data."""
    if objective.relation:
        compared = _compare(objective, summary, until)
        if compared is not None:
            yield compared, None
        return
    if latest and measures.at_the_end(objective.metric, objective.stat):
        return
    for view in _views(objective, summary, until, latest):
        observed = _observe(objective, view)
        if observed is not None:
            yield observed, view.span


def _compare(objective: Objective, summary: Summary, until: int | None) -> _Observed | None:
    """Both figures, and one of them against the other; None where either has no data."""
    a, b = (_observe(side, whole_view(summary, side.where, until)) for side in objective.sides)
    if a is None or b is None:
        return None
    value, relation = value_of(objective.relation, a.value, b.value), objective.relation
    if value is None:
        return None
    return _Observed(
        value,
        a.samples + b.samples,
        interval_of(relation, a.value, b.value, a.interval, b.interval),
        a.enough and b.enough,
        bracket_of(relation, a.bracket, b.bracket),
        (a.value, b.value),
    )


def _views(objective: Objective, summary: Summary, until: int | None, latest: bool = False) -> Iterable[View]:
    if not objective.window:
        return [whole_view(summary, objective.where, until)]
    by_time = objective.kind in (Kind.RATE, Kind.SPEED)
    return rolling_views(summary, objective.where, objective.window, objective.metric, until, latest, not by_time)


def _judge(objective: Objective, summary: Summary, until: int | None, latest: bool) -> Judgement:
    worst: tuple[_Observed, Span | None] | None = None
    for found in _look(objective, summary, until, latest):
        if worst is None or _badness(objective, found[0].value) > _badness(objective, worst[0].value):
            worst = found
    if worst is None:
        return Judgement(objective, passed=objective.optional, note=_why_no_data(objective, summary))
    return _judgement(objective, *worst)


def _badness(objective: Objective, value: float) -> float:
    """Larger is further from what the rule asks for."""
    if objective.op == "==":
        return abs(value - objective.value)
    return value if objective.upper else -value


def _judgement(objective: Objective, observed: _Observed, span: Span | None) -> Judgement:
    bound = objective.value
    distance = (bound - observed.value) if objective.upper else (observed.value - bound)
    if objective.op == "==":
        distance = -abs(distance)
    met = objective.met_by(observed.value)
    unknown = observed.larger and met and objective.op not in (">", ">=")
    return Judgement(
        objective,
        passed=met and not unknown,
        observed=observed.value,
        interval=observed.interval,
        margin=distance / abs(bound) if bound and not unknown else None,
        worst_window=span,
        samples=observed.samples,
        note=_note(objective, observed),
        bracket=observed.bracket,
        sides=observed.sides,
        larger=observed.larger,
    )


def _note(objective: Objective, observed: _Observed) -> str:
    if not observed.enough:
        stat, percentile = max(((side.stat, _percentile(side.stat)) for side in objective.sides), key=lambda of: of[1])
        need = format_count(measures.samples_needed(percentile))
        on_each = " on each side" if objective.relation else ""
        return f"{_THIN}: {format_count(observed.samples)}, {stat} needs {need}{on_each}"
    close = observed.interval and len({objective.met_by(end) for end in observed.interval}) == 2
    return "; ".join(filter(None, [observed.note, f"{_CLOSE}: the interval holds the bound" if close else ""]))


def _percentile(stat: str) -> float:
    """0..100 where a statistic is one, also of pairs or of a probe; else 0."""
    match = measures.PERCENTILE.fullmatch(stat) or measures.PERCENTILE.fullmatch(stat.partition(".")[2])
    return float(match[1]) if match else 0.0


def _observe(objective: Objective, view: View) -> _Observed | None:
    direct = measures.stat_of(objective.metric, objective.stat)
    if direct is None:
        return _of_histogram(objective, view)
    if direct.find is not None:
        found = direct.find(view)
        return (
            None
            if found is None
            else _Observed(found.value, found.samples, found.interval, note=found.note, larger=found.larger)
        )
    value, samples = direct.read(view)
    if direct.kind is Kind.SHARE:
        hits = value or 0.0
        if not samples:
            return None
        bracket = outcome_bracket(objective, view, hits / samples, samples)
        return _Observed(hits / samples, samples, wilson(hits, samples), bracket=bracket)
    if value is None:
        return None
    bracket = outcome_bracket(objective, view, value, 1) or switch_bracket(objective, view, value)
    bracket = bracket or direct.bracket(view)
    return _Observed(value, samples, direct.interval(view), direct.enough(view), bracket, note=direct.note(view))


def _of_histogram(objective: Objective, view: View) -> _Observed | None:
    histogram = view.histogram(objective.metric)
    count = histogram.count
    if objective.stat == "count":
        return _Observed(float(count), count) if view.calls else None
    if not count:
        return None
    unit = scale(METRICS[objective.metric])
    percentile = objective.percentile
    bracket = time_bracket(objective, view, histogram)
    if percentile is None:
        spread = _mean_interval(histogram, unit) if objective.stat == "mean" else None
        return _Observed(getattr(histogram, objective.stat) * unit, count, spread, bracket=bracket)
    bounds = histogram.interval(percentile, CONFIDENCE)
    interval = (bounds[0] * unit, bounds[1] * unit) if bounds else None
    return _Observed(histogram.percentile(percentile) * unit, count, interval, histogram.enough(percentile), bracket)


def _mean_interval(histogram: Histogram, unit: float) -> tuple[float, float] | None:
    """By the central limit theorem, for independent values."""
    if histogram.count < 2:
        return None
    reach = _Z * histogram.stddev / math.sqrt(histogram.count - 1)
    return max(0.0, histogram.mean - reach) * unit, (histogram.mean + reach) * unit


def wilson(hits: float, of: float) -> tuple[float, float]:
    """Wilson's score interval of a share: holds up near 0 and 1, where errors live.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    share, z2 = hits / of, _Z * _Z
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    reach = _Z / (1 + z2 / of) * math.sqrt(max(0.0, share * (1 - share) / of + z2 / (4 * of * of)))
    # An end that is exactly 0 or 1 must not miss it by a rounding error.
    return (0.0 if hits <= 0 else max(0.0, centre - reach)), (1.0 if hits >= of else min(1.0, centre + reach))


def _why_no_data(objective: Objective, summary: Summary) -> str:
    """Name the filter that leaves nothing, if it is one's fault, or the side of a comparison."""
    if not objective.relation:
        return f"no data{_why_empty(objective, summary)}"
    for side in objective.sides:
        if _observe(side, whole_view(summary, side.where)) is None:
            of = Side(side.metric, side.stat, side.where)
            return f"no data of {of}{_why_empty(side, summary)}"
    return "no ratio: the figure it is compared with is 0"


def _why_empty(objective: Objective, summary: Summary) -> str:
    unmeasured = {info.name for info in summary.phases if not info.measure}
    found = summary.dimensions()
    direct = measures.stat_of(objective.metric, objective.stat)
    if direct is not None and direct.why is not None:
        return f": {direct.why(whole_view(summary, objective.where))}"
    for key, value in objective.where:
        if key == measures.OVER:
            there = ", ".join(found.get(value, [])) or "none"
            return f": too few values of {value} to speak of a spread (there are: {there})"
        if key == measures.AGAINST:
            return f": no pairs of {dict(objective.where)['target']} and {value} of which both calls went well"
        if key in PHASES:
            key = "phase"
        elif key == "phase" and value in unmeasured:
            return f": phase {value!r} is not measured"
        if key != "outcome" and value not in found.get(key, []):
            there = ", ".join(found.get(key, [])) or "none"
            return f": there is no {key} {value!r} in the run (there are: {there})"
    if objective.window and not objective.where:
        return " in any window"
    return f": it needs {direct.lacks}" if direct and direct.lacks else ""
