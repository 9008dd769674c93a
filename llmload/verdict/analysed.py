"""Figures that an analysis of the whole run finds, with the interval and the words that it gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from llmload.analysis.breaking import breaking_point
from llmload.analysis.recovery import recovery
from llmload.analysis.steady import settling, swing
from llmload.analysis.trend import LEAST, trend_of
from llmload.units import format_rate
from llmload.verdict.kinds import Found, Kind, Stat

if TYPE_CHECKING:
    from llmload.verdict.view import View

__all__ = ["AFTER", "BASELINE", "BREAKING", "PHASES", "RECOVERY", "STEADY", "TREND"]

AFTER: Final = "after"
BASELINE: Final = "baseline"
PHASES: Final = (AFTER, BASELINE)
"""Filters that name a phase for an analysis; they cut nothing."""


def _stat(
    kind: Kind,
    find: Callable[[View], Found | None],
    help: str,
    keys: frozenset[str] = frozenset(),
    needs: tuple[str, ...] = (),
    scheduled: bool = False,
    lacks: str = "",
) -> Stat:
    def read(view: View) -> tuple[float | None, int]:
        found = find(view)
        return (None, 0) if found is None else (found.value, found.samples)

    return Stat(kind, read, help, keys, windows=False, find=find, needs=needs, scheduled=scheduled, lacks=lacks)


def _recovery(view: View) -> Found | None:
    found = recovery(view.summary, view.named[AFTER], view.named.get(BASELINE, ""), view.cls)
    if found is None:
        return None
    stretches = round(found.observed / found.resolution)
    return Found(found.seconds, stretches, found.interval, found.words(), larger=found.censored)


def _settling(view: View) -> Found | None:
    found = settling(view.summary, view.phase, view.cls)
    if found is None:
        return None
    stretches = round(found.observed / found.resolution)
    return Found(found.seconds, stretches, found.interval, found.words(), larger=found.censored)


def _swing(view: View) -> Found | None:
    found = swing(view.summary, view.spans[0], view.cls) if len(view.spans) == 1 else None
    return None if found is None else Found(*found)


def _breaking(view: View) -> Found | None:
    found = breaking_point(view.summary)
    if found is None:
        return None
    calls = sum(step.calls for step in found.steps)
    if found.broke is None:
        return Found(found.rate, calls, note="no step broke", larger=True)
    note = f"broke at {format_rate(found.broke.rate)} ({found.why()}): {found.manner()}"
    low, high = sorted((found.rate, found.broke.rate))
    return Found(found.rate, calls, (low, high), note)


def _trend(what: str, of: str, keys: frozenset[str]) -> Stat:
    def find(view: View) -> Found | None:
        if len(view.spans) != 1:
            return None
        found = trend_of(view.summary, what, view.spans[0], view.cls)
        return None if found is None else Found(found.growth, found.points, found.interval, found.words())

    lacks = f"one measured stretch (name a phase) of at least {LEAST} windows with ten calls each"
    return _stat(Kind.GROWTH, find, f"growth of {of} over the phase, by a robust slope", keys, lacks=lacks)


RECOVERY: Final[Mapping[str, Stat]] = {
    "time": _stat(
        Kind.DURATION, _recovery,
        "time from the end of the phase `after` until latency and errors are back in the band of the phase `baseline` "
        "(by default the measured one before) and stay there",
        frozenset({AFTER, BASELINE, "class"}), (AFTER,), True,
        "a baseline of at least three windows with ten good calls, and as many windows after the phase",
    ),
}  # fmt: skip
BREAKING: Final[Mapping[str, Stat]] = {
    "rate": _stat(
        Kind.RATE, _breaking,
        "planned rate of the highest step before the first that broke (errors > 10 % or p99 > 20 s), of a load that "
        "rises in steps",
        lacks="three or more measured phases one after the other, each with a higher rate",
    ),
}  # fmt: skip
_CUT: Final = frozenset({"phase", "class"})
STEADY: Final[Mapping[str, Stat]] = {
    "time": _stat(
        Kind.DURATION, _settling,
        "time from the start of the phase until latency and errors are as in its second half, and stay so",
        _CUT, ("phase",), True, "a phase whose halves have at least three windows with ten good calls each",
    ),
    "swing": _stat(
        Kind.RATIO, _swing,
        "how far latency goes up and down at one load: of its levels in the stretches of the phase, the 90th "
        "percentile over the 10th",
        _CUT, lacks="one measured stretch (name a phase) of at least five windows with ten good calls each",
    ),
}  # fmt: skip
TREND: Final[Mapping[str, Stat]] = {
    "latency": _trend("latency", "latency, as a share of its level", _CUT),
    "ttft": _trend("ttft", "time to first token, as a share of its level", _CUT),
    "errors": _trend("errors", "the share of failed calls, as a difference of shares", _CUT),
    "in_flight": _trend("in_flight", "the calls in flight, as a share of their level", frozenset({"phase"})),
}
