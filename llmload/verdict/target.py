"""Figures of the target itself, as an observer saw it: ``target.FIGURE.STAT{observe=NAME}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from llmload.analysis.trend import LEAST, trend_of_level
from llmload.metrics.observed import FIGURES, Bin, Figure, Measure, Samples, figure_of, mean_of
from llmload.units import counted
from llmload.verdict.kinds import Found, Kind, Stat

if TYPE_CHECKING:
    from llmload.verdict.view import View

__all__ = [
    "KINDS",
    "NO_FIGURES",
    "OBSERVE",
    "OBSERVED_STATS",
    "TARGET_STATS",
    "Level",
    "chosen",
    "lacking",
    "level",
    "own_stat",
]

OBSERVE: Final = "observe"
"""The filter that names an observer; it cuts nothing."""
_TENTH: Final = 0.1
_TREND: Final = "trend"
_OF_PROBES: Final = ("probe", "stalls")
NO_FIGURES: Final = ("exits", "stalls")
"""What is told of the target and is no figure with values over time."""
_LEAST: Final = 3
"""Windows that a level is the median of, at least."""

KINDS: Final[Mapping[Measure, Kind]] = {
    Measure.SHARE: Kind.USE,
    Measure.COUNT: Kind.COUNT,
    Measure.BYTES: Kind.BYTES,
    Measure.FLOW: Kind.BYTES,
    Measure.RATE: Kind.RATE,
    Measure.TIME: Kind.DURATION,
}


@dataclass(frozen=True, slots=True)
class Level:
    """What a figure was at the beginning and at the end of measured time: the medians of the means of the first and the
    last tenth of its windows, but of three at least, so that a single moment decides nothing."""

    first: float
    last: float

    @property
    def growth(self) -> float | None:
        """By which share of the first the last is more; None where the first is nothing."""
        return self.last / self.first - 1 if self.first else None


def level(bins: Sequence[Bin]) -> Level | None:
    """None where there are too few windows to tell the beginning from the end."""
    size = max(_LEAST, round(_TENTH * len(bins)))
    if len(bins) < 2 * size:
        return None
    means = [each.mean for each in bins]
    return Level(median(means[:size]), median(means[-size:]))


def _peak(bins: Sequence[Bin], samples: Samples) -> float | None:
    """As a multiple of the value before the first call, or else of the first window's mean."""
    if not bins:
        return None
    initial = bins[0].mean if samples.before is None else samples.before
    return max(each.high for each in bins) / initial if initial else None


@dataclass(frozen=True, slots=True)
class _Statistic:
    """One statistic of any figure. ``kind`` None: a value of the figure. ``levels``: only of what is held."""

    of: Callable[[Sequence[Bin], Samples], float | None]
    help: str
    kind: Kind | None = None
    levels: bool = False


OBSERVED_STATS: Final[Mapping[str, _Statistic]] = {
    "min": _Statistic(lambda bins, samples: min((each.low for each in bins), default=None), "smallest value sampled"),
    "mean": _Statistic(lambda bins, samples: mean_of(bins), "mean over measured time"),
    "max": _Statistic(lambda bins, samples: max((each.high for each in bins), default=None), "largest value sampled"),
    "first": _Statistic(
        lambda bins, samples: found.first if (found := level(bins)) else None,
        "level at the beginning: median of the windows' means in the first tenth of measured time, at least three",
        levels=True,
    ),
    "last": _Statistic(
        lambda bins, samples: found.last if (found := level(bins)) else None,
        "level at the end: the same of the last tenth", levels=True,
    ),
    "growth": _Statistic(
        lambda bins, samples: found.growth if (found := level(bins)) else None,
        "by how much the last level is above the first, as a share of it", Kind.GROWTH, levels=True,
    ),
    "rise": _Statistic(
        lambda bins, samples: found.last - found.first if (found := level(bins)) else None,
        "by how much the last level is above the first; below 0 where it has fallen", levels=True,
    ),
    "peak": _Statistic(
        _peak, "largest value as a multiple of the one before the first call", Kind.RATIO, levels=True
    ),
}  # fmt: skip
"""Of any figure; the last five of levels."""


def chosen(view: View, figure: str = "") -> str | None:
    """The observer meant: the one named, or the only one; of a probe's figures, the only probe."""
    observed, named = view.summary.observed, view.named.get(OBSERVE, "")
    if named:
        return named if named in observed else None
    there = [name for name, seen in observed.items() if seen.probed is not None] if figure in _OF_PROBES else []
    there = there or list(observed)
    return there[0] if len(there) == 1 else None


def _samples(view: View, figure: str) -> Samples:
    name = chosen(view, figure)
    return Samples() if name is None else view.summary.observed[name].figures.get(figure, Samples())


def lacking(view: View, figure: str, growth: bool = False) -> str:
    """Why there is no figure, in words."""
    seen, name = view.summary.observed, chosen(view, figure)
    if name is None:
        there = ", ".join(sorted(seen))
        if not seen:
            return "nothing observes the target: add [observe.NAME] with its process, port, pid_file, metrics or probe"
        if named := view.named.get(OBSERVE, ""):
            return f"there is no observer {named!r} (there are: {there})"
        return f"there are several observers ({there}): name one, like {{observe={sorted(seen)[0]}}}"
    found = seen[name]
    if figure in found.missing:
        return found.missing[figure]
    if found.trouble:
        return found.trouble
    if growth and (bins := _samples(view, figure).within(view.spans)):
        windows = f"{counted(2 * _LEAST, 'window')} of {view.summary.observed[name].figures[figure].width} s"
        return f"the first and the last level are told from {windows} at least, there are {len(bins)}"
    return f"{found.what or name} gave no sample in measured time"


def _note(view: View, levels: Sequence[Bin], kind: Kind) -> str:
    name = chosen(view)
    ended = view.summary.observed[name].ended if name else []
    found = level(levels) if levels else None
    grown = f"from {kind.show(found.first)} to {kind.show(found.last)}" if found else ""
    gone = f"{view.summary.observed[name].what} ended {ended[0]:,.1f} s into the run" if name and ended else ""
    return "; ".join(filter(None, [grown, gone]))


def _stat(name: str, figure: Figure, of: str, statistic: _Statistic) -> Stat:
    values = KINDS[figure.measure]

    def read(view: View) -> tuple[float | None, int]:
        samples = _samples(view, name)
        bins = samples.within(view.spans)
        return statistic.of(bins, samples), len(bins)

    def note(view: View) -> str:
        return _note(view, _samples(view, name).within(view.spans) if of in ("growth", "rise") else (), values)

    return Stat(
        statistic.kind or values, read, f"{figure.help}: {statistic.help}", frozenset({"phase", OBSERVE}),
        signed=of in ("growth", "rise"), note=note,
        why=lambda view: lacking(view, name, of in ("first", "last", "growth", "rise")),
    )  # fmt: skip


def _trend(name: str, figure: Figure) -> Stat:
    def find(view: View) -> Found | None:
        points = _samples(view, name).over(view.spans)
        if len(view.spans) != 1 or not points:
            return None
        at, values = np.array([at for at, _ in points]), np.array([each.mean for _, each in points])
        found = trend_of_level(at, values, view.spans[0])
        return None if found is None else Found(found.growth, found.points, found.interval, found.words())

    def read(view: View) -> tuple[float | None, int]:
        found = find(view)
        return (None, 0) if found is None else (found.value, found.samples)

    def why(view: View) -> str:
        if _samples(view, name).within(view.spans):
            return f"a trend needs one measured stretch (name a phase) of at least {LEAST} windows"
        return lacking(view, name)

    return Stat(
        Kind.GROWTH, read, f"{figure.help}: growth over the phase as a share of its level, by a robust slope",
        frozenset({"phase", OBSERVE}), windows=False, find=find, signed=True, why=why,
    )  # fmt: skip


def _exits(view: View) -> tuple[float | None, int]:
    name = chosen(view)
    if name is None or not view.summary.observed[name].what:
        return None, 0
    ended = [at for at in view.summary.observed[name].ended if any(start <= at < end for start, end in view.spans)]
    return float(len(ended)), round(sum(end - start for start, end in view.spans))


TARGET_STATS: Final[Mapping[str, Stat]] = MappingProxyType(
    {
        f"{name}.{of}": _stat(name, figure, of, statistic)
        for name, figure in FIGURES.items()
        for of, statistic in OBSERVED_STATS.items()
        if figure.level or not statistic.levels
    }
    | {f"{name}.{_TREND}": _trend(name, figure) for name, figure in FIGURES.items()}
    | {
        "exits.count": Stat(
            Kind.COUNT, _exits, "times that the observed process ended", frozenset({"phase", OBSERVE}),
            why=lambda view: lacking(view, ""),
        )
    }
)  # fmt: skip
"""``FIGURE.STAT`` -> how to read it."""


@cache
def own_stat(stat: str) -> Stat | None:
    """``NAME.STAT`` of a figure that a scenario made of a series of its own; None where there can't be one."""
    name, _, of = stat.rpartition(".")
    if not name.isidentifier() or name in FIGURES or name in NO_FIGURES:
        return None
    if of == _TREND:
        return _trend(name, figure_of(name))
    return _stat(name, figure_of(name), of, OBSERVED_STATS[of]) if of in OBSERVED_STATS else None
