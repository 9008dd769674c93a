"""Figures of a probe (``target.probe.p99``, ``target.stalls.count``): how soon a light request was answered at all
times, and when it was not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from llmload.metrics.probed import Probed, Stall
from llmload.units import counted, format_seconds
from llmload.verdict.kinds import Kind, Stat
from llmload.verdict.target import OBSERVE, chosen, lacking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmload.metrics.histogram import Histogram
    from llmload.verdict.view import View

__all__ = ["PROBE_STATS", "bounds", "probe_figures"]

_MICRO: Final = 1e-6
_PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)
_KEYS: Final = frozenset({"phase", OBSERVE})
_LATE: Final = 5e-3
"""Seconds of the prober's own lateness (p99) from which a judgement says it."""


def probe_figures(probed: Probed, spans: Sequence[tuple[float, float]]) -> dict[str, dict[str, float]]:
    """Figure -> statistic -> value in these stretches, of what is no mean or extreme."""
    times, stalls = probed.within(spans), probed.stalls_in(spans)
    if not times.count:
        return {}
    percentiles = {f"p{p:g}": times.percentile(p) * _MICRO for p in _PERCENTILES if times.enough(p)}
    return {
        "probe": {**percentiles, "lost": float(probed.lost_in(spans))},
        "stalls": {"count": float(len(stalls)), "longest": max((stall.least for stall in stalls), default=0.0)},
    }


def bounds(stall: Stall) -> str:
    """How long it lasted, and when, in words."""
    least, most = format_seconds(stall.least), format_seconds(stall.most)
    lasted = least if least == most else f"{least} to {most}"
    return f"{lasted}, {format_seconds(stall.at)} into the run"


def _probed(view: View) -> Probed | None:
    name = chosen(view, "probe")
    return None if name is None else view.summary.observed[name].probed


def _times(view: View) -> Histogram | None:
    probed = _probed(view)
    found = None if probed is None else probed.within(view.spans)
    return found if found is not None and found.count else None


def _why(view: View) -> str:
    name = chosen(view, "probe")
    if name is not None and view.summary.observed[name].probed is None and not view.summary.observed[name].trouble:
        return f'{name} is no probe: give an [observe.NAME] probe = "/health"'
    return lacking(view, "probe")


def _own(view: View) -> str:
    """What the prober itself may have to do with it."""
    probed = _probed(view)
    if probed is None:
        return ""
    lag = probed.lag.pooled([probed.lag])
    late = lag.percentile(99) * _MICRO
    said = f"the prober itself was late by {format_seconds(late)} (p99)" if late > _LATE else ""
    unsent = f"{counted(probed.unsent, 'probe')} could not be sent" if probed.unsent else ""
    return "; ".join(filter(None, [said, unsent]))


def _percentile(p: float) -> Stat:
    def read(view: View) -> tuple[float | None, int]:
        times = _times(view)
        return (None, 0) if times is None else (times.percentile(p) * _MICRO, times.count)

    def interval(view: View) -> tuple[float, float] | None:
        found = None if (times := _times(view)) is None else times.interval(p)
        return None if found is None else (found[0] * _MICRO, found[1] * _MICRO)

    def bracket(view: View) -> tuple[float, float] | None:
        probed, times = _probed(view), _times(view)
        if probed is None or times is None:
            return None
        least = probed.within(view.spans, least=True)
        return min(least.percentile(p), times.percentile(p)) * _MICRO, times.percentile(p) * _MICRO

    def enough(view: View) -> bool:
        return (times := _times(view)) is None or times.enough(p)

    about = f"p{p:g} of the time from when a probe was due until it was answered or given up"
    return Stat(
        Kind.DURATION, read, about, _KEYS, interval=interval, bracket=bracket, enough=enough, note=_own, why=_why
    )


def _of_stalls(read: Callable[[list[Stall], Probed, View], float]) -> Callable[[View], tuple[float | None, int]]:
    def found(view: View) -> tuple[float | None, int]:
        probed, times = _probed(view), _times(view)
        if probed is None or times is None:
            return None, 0
        return read(probed.stalls_in(view.spans), probed, view), times.count

    return found


def _stalls_note(view: View) -> str:
    probed = _probed(view)
    stalls = [] if probed is None else probed.stalls_in(view.spans)
    longest = f"the longest {bounds(max(stalls, key=lambda stall: stall.least))}" if stalls else ""
    doubtful = probed.doubtful if probed is not None else 0
    doubt = f"{counted(doubtful, 'answer')} may be late by the prober alone" if doubtful else ""
    return "; ".join(filter(None, [longest, doubt, _own(view)]))


PROBE_STATS: Final[Mapping[str, Stat]] = MappingProxyType(
    {f"probe.p{p:g}": _percentile(p) for p in _PERCENTILES}
    | {
        "probe.lost": Stat(
            Kind.COUNT, _of_stalls(lambda stalls, probed, view: float(probed.lost_in(view.spans))),
            "probes that were not answered, or not in time", _KEYS, note=_own, why=_why,
        ),
        "stalls.count": Stat(
            Kind.COUNT, _of_stalls(lambda stalls, probed, view: float(len(stalls))),
            "times that nothing was answered for longer than `stall` above the median", _KEYS,
            note=_stalls_note, why=_why,
        ),
        "stalls.longest": Stat(
            Kind.DURATION,
            _of_stalls(lambda stalls, probed, view: max((stall.least for stall in stalls), default=0.0)),
            "the longest of them, at least", _KEYS, note=_stalls_note, why=_why,
        ),
    }
)  # fmt: skip
"""``FIGURE.STAT`` -> how to read it, besides what ``TARGET_STATS`` has of the figure ``probe``."""
