"""One result made of several: the segments of one run, each carried out and saved by itself.

Theory of operation. A Summary is made of counts and histograms, so the sum of the parts' Summaries is exactly the
Summary that one run would have had. Everything that is concluded from it is concluded anew: objectives are judged on
the sum. What only the parts could see (validity, notes, why one of them stopped) is kept beside the name of the part.

Clocks of different machines have nothing to do with each other. Seconds are counted from each part's own start: second
10 of the sum is second 10 of every part, whenever that was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations, count
from typing import Final

from llmload.errors import UsageError
from llmload.metrics.ping import Pinged
from llmload.metrics.precision import ErrorBar
from llmload.metrics.summary import Summary
from llmload.metrics.windows import Window
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.units import format_count, format_seconds
from llmload.verdict import measures
from llmload.verdict.judge import judge
from llmload.verdict.objectives import Objective
from llmload.verdict.validity import Level, Validity

__all__ = ["Part", "merged"]

_NAME: Final = 60
_APART: Final = 1.0
"""Seconds between the parts' starts from which on it is worth a note."""
_WHOLE: Final = 0.75
"""A part that planned this share of the scenario's calls was a run of its own, and no segment of one."""


@dataclass(frozen=True)
class Part:
    """A result, and the name of the file it was read from."""

    name: str
    result: Result

    @property
    def label(self) -> str:
        """The name, fit to be shown."""
        return clean(self.name, _NAME)


def merged(parts: Sequence[Part], force: bool = False) -> Result:
    """The result of all parts together. UsageError, unless ``force``: they are not of the same scenario, or one of them
    is given twice."""
    if len(parts) < 2:
        raise UsageError("a merge takes two results or more: llmload merge A.json B.json --out C.json")
    if not force:
        _refuse(parts)
    results = [part.result for part in parts]
    first = min(parts, key=lambda part: part.result.started or "~").result
    summary = _sum([result.summary for result in results])
    return replace(
        first,
        version=_listed([result.version for result in results]),
        duration=max(result.duration for result in results),
        summary=summary,
        validity=_validity(parts),
        judgements=tuple(judge(_objectives(results), summary)),
        workers=sum(result.workers for result in results),
        interrupted=_said(parts, lambda result: result.interrupted),
        aborted=_said(parts, lambda result: result.aborted),
        environment=_together([result.environment for result in results]),
        target_environment=_targets(results),
        notes=tuple(_notes(parts)),
        error_bar=_error_bar(results),
        last_heard=max(result.last_heard for result in results),
        ping=_ping(results),
    )


def _refuse(parts: Sequence[Part]) -> None:
    for one, other in combinations(parts, 2):
        a, b = one.result, other.result
        if a.scenario.fingerprint != b.scenario.fingerprint:
            what = f"the scenarios are called {clean(a.scenario.name, _NAME)!r} and {clean(b.scenario.name, _NAME)!r}"
            if a.scenario.name == b.scenario.name:
                keys = ", ".join(_differing(a.scenario.source, b.scenario.source)) or "its data or seeds"
                what = f"scenario {clean(a.scenario.name, _NAME)!r} is not the same in both (see: {keys})"
            raise UsageError(
                f"{one.label} and {other.label} are no parts of one run: {what}; llmload compare sets runs against each"
                " other, --force adds up what you know belongs together"
            )
        if (a.started, a.duration) == (b.started, b.duration) and a.summary.to_json() == b.summary.to_json():
            raise UsageError(
                f"{one.label} and {other.label} are the same result: every call would be counted twice"
                " (--force does so)"
            )


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[str]:
    return (clean(key, 40) for key in {**one, **other} if one.get(key) != other.get(key))


def _sum(summaries: Sequence[Summary]) -> Summary:
    """The parts are left as they were. A worker whose number another has already gets the lowest that is free."""
    whole, taken = Summary(), set[int]()
    for summary in summaries:
        own = _workers(summary)
        free = (number for number in count() if number not in taken | own)
        numbers = {number: next(free) if number in taken else number for number in sorted(own)}
        whole.merge(_renumbered(summary, numbers))
        taken |= set(numbers.values())
    return whole


def _workers(summary: Summary) -> set[int]:
    """The numbers of the workers that a summary tells of."""
    windows = (window for by_class in summary.windows.values() for window in by_class.values())
    return {*summary.health, *(worker for window in windows for worker in window.peaks)}


def _renumbered(summary: Summary, numbers: Mapping[int, int]) -> Summary:
    """The same, its workers under other numbers."""
    if all(old == new for old, new in numbers.items()):
        return summary
    health = {numbers[old]: replace(each, worker=numbers[old]) for old, each in summary.health.items()}
    windows = {
        number: {cls: _with_peaks(window, numbers) for cls, window in by_class.items()}
        for number, by_class in summary.windows.items()
    }
    return replace(summary, health=health, windows=windows)


def _with_peaks(window: Window, numbers: Mapping[int, int]) -> Window:
    return replace(window, peaks={numbers[old]: peak for old, peak in window.peaks.items()})


def _objectives(results: Sequence[Result]) -> list[Objective]:
    """Every objective of any part, once. UsageError for one that only a newer version can judge."""
    found = list(dict.fromkeys(judgement.objective for result in results for judgement in result.judgements))
    for side in (side for objective in found for side in objective.sides):
        if measures.stat_of(side.metric, side.stat) is None and not measures.is_histogram_stat(side.metric, side.stat):
            raise UsageError(
                f"{clean(side.rule, _NAME)} can't be judged by this llmload: upgrade to the newest of these"
            )
    return found


def _validity(parts: Sequence[Part]) -> Validity:
    """The worst of the parts decides; reasons say whose they are."""
    levels = list(Level)
    worst = max((part.result.validity.level for part in parts), key=levels.index)
    reasons = [
        replace(reason, text=f"{part.label}: {reason.text}")
        for part in parts
        for reason in part.result.validity.reasons
    ]
    return Validity(worst, tuple(sorted(reasons, key=lambda reason: -levels.index(reason.level))))


def _said(parts: Sequence[Part], of: Callable[[Result], str]) -> str:
    return "; ".join(f"{part.label}: {said}" for part in parts if (said := of(part.result)))


def _listed(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))


def _together(parts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What each says, once."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _listed([part.get(name, "") for part in parts]) for name in names}


def _targets(results: Sequence[Result]) -> dict[str, dict[str, str]]:
    names = dict.fromkeys(name for result in results for name in result.target_environment)
    return {name: _together([result.target_environment.get(name, {}) for result in results]) for name in names}


def _error_bar(results: Sequence[Result]) -> ErrorBar | None:
    """That of the part whose machine had the most to do; None where not every part has one."""
    bars = [result.error_bar for result in results if result.error_bar is not None]
    return max(bars, key=lambda bar: (bar.beyond, bar.share)) if len(bars) == len(results) else None


def _ping(results: Sequence[Result]) -> dict[str, Pinged]:
    """Of each target, that of the part which had the longest way to it: no figure of the sum was nearer than that."""
    names = dict.fromkeys(name for result in results for name in result.ping)
    ways = {name: [result.ping[name] for result in results if name in result.ping] for name in names}
    return {name: max(found, key=lambda each: each.network or 0.0) for name, found in ways.items()}


def _notes(parts: Sequence[Part]) -> Iterator[str]:
    yield f"merged of {len(parts)} results: {', '.join(part.label for part in parts)}"
    starts = [moment for part in parts if (moment := _moment(part.result.started)) is not None]
    if starts and (apart := max(starts) - min(starts)) >= _APART:
        yield f"the parts started up to {format_seconds(apart)} apart; seconds are counted from each part's own start"
    planned, asked = [part.result.summary.planned for part in parts], parts[0].result.load.expected_calls
    if asked and min(planned) > _WHOLE * asked:
        yield (
            f"each part planned the whole load of some {format_count(asked)} calls: these are runs, not segments of"
            " one; rates are those of all together"
        )
    yield from dict.fromkeys(note for part in parts for note in part.result.notes)


def _moment(started: str) -> float | None:
    try:
        return datetime.fromisoformat(started).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
