"""Time until steady: how long after the start of a phase latency and errors are as they are in its second half.

The second half is the baseline; the first is held against it as in ``recovery``, but for latency in both directions:
to be faster at first (an empty queue) is not yet to be steady either. What still differs at the end of the first half,
or within the second, has not become steady in half of the phase.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from llmload.analysis.changes import change_points
from llmload.analysis.pace import Level, Pace, Span, level, pace
from llmload.analysis.recovery import STAYS, latest_excess
from llmload.analysis.series import Floats
from llmload.metrics.summary import Summary
from llmload.units import format_seconds, format_share

__all__ = ["Settling", "settling", "shifts", "swing"]

_CHANCE: Final = 0.01
_FEW: Final = 20
_LEVELS: Final = 5
_NOTHING: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Settling:
    """``seconds`` from the start of the phase until it is steady; 0 where it is at once. ``interval``: 95 %; None where
    it was not seen to become steady (``censored``: it takes longer). ``resolution``: seconds of one stretch;
    ``what`` was not steady last: "latency", "errors" or both; "" if all was. ``ratio``: latency until then (of the
    middle stretch), as a multiple of what it is when steady; 1 where it is at once. ``failed``: the share of failed
    calls until then, and when steady."""

    seconds: float
    interval: tuple[float, float] | None
    resolution: float
    observed: float
    what: str = ""
    ratio: float = 1.0
    failed: tuple[float, float] = (0.0, 0.0)
    censored: bool = False

    def how(self) -> str:
        """How it is until then: "latency 1.3 times as high, 30% of calls failed instead of 2%"."""
        early, late = (format_share(round(share, 3)) for share in self.failed)
        parts = [f"latency {self.ratio:.2g} times as high"] if "latency" in self.what else []
        return ", ".join(parts + [f"{early} of calls failed instead of {late}"] * ("errors" in self.what))

    def words(self) -> str:
        """In one sentence."""
        by = f", to within {format_seconds(self.resolution)}"
        if not self.what:
            return f"steady from the start{by}"
        until = "within half of the phase" if self.censored else "until then"
        return f"{self.what} not steady {until} ({self.how()}){by}"


def settling(summary: Summary, phase: str, cls: str | None = None) -> Settling | None:
    """Of one phase, of one class if named. None where it is too short, or too few calls ended well in it, to say."""
    info = next((info for info in summary.phases if info.name == phase), None)
    if info is None:
        return None
    stop = min(info.end, summary.elapsed)
    middle = (info.start + stop) / 2
    found = pace(summary, (middle, stop), ((info.start, middle),), cls)
    if found is None or len(found[1]) < STAYS:
        return None
    late, early = level(found[0]), found[1]
    if _drifts(found[0].slow):
        return Settling(middle - info.start, None, early.width, middle - info.start, "latency", censored=True)
    ends = {what: latest_excess(scores, late.stretches, _CHANCE / 3) for what, scores in _scores(late, early).items()}
    last = max(end for end, _ in ends.values())
    edges = np.append(early.at, early.at[-1] + early.width) - info.start
    observed = float(edges[-1])
    if not last:
        return Settling(0.0, (0.0, early.width), early.width, observed)
    what = " and ".join(dict.fromkeys(name.split()[0] for name, (end, _) in ends.items() if end == last))
    ratio = float(np.exp(np.nanmedian(early.slow[:last]) - late.mean)) if not np.isnan(early.slow[:last]).all() else 1.0
    failed = (
        float(early.failed[:last].sum() / max(1.0, early.answered[:last].sum())),
        late.failed / max(1.0, late.answered),
    )
    if last > len(early) - STAYS:
        return Settling(observed, None, early.width, observed, what, ratio, failed, censored=True)
    low, high = (max(bounds) for bounds in zip(*(bounds for _, bounds in ends.values()), strict=True))
    reach = max(0.0, float(edges[max(0, low - 1)])), float(edges[high])
    return Settling(float(edges[last]), reach, early.width, observed, what, ratio, failed)


def _drifts(slow: Floats) -> bool:
    """Whether the level changes within the baseline itself. In so few stretches that their correlation can't be told
    from chance, they are taken to be independent."""
    return bool(change_points(slow, independent=len(slow) < _FEW))


def _scores(late: Level, early: Pace) -> dict[str, Floats]:
    slow = late.slow_scores(early)
    return {"latency above": slow, "latency below": -slow, "errors": late.error_scores(early)}


def swing(summary: Summary, span: Span, cls: str | None = None) -> tuple[float, int] | None:
    """How far latency goes up and down at one load: of its levels in the stretches of a span, the 90th percentile over
    the 10th; and how many stretches there are. 1 is a level that never moves; None where there is too little to say."""
    found = pace(summary, span, (), cls)
    known = found[0].slow[~np.isnan(found[0].slow)] if found else np.zeros(0)
    if len(known) < _LEVELS:
        return None
    low, high = np.quantile(known, [0.1, 0.9])
    return float(np.exp(min(high - low, 50.0))), len(known)


def shifts(summary: Summary, span: Span) -> tuple[tuple[float, float], ...]:
    """When (s) latency changed to another level within a span, and by which factor: capacity that came or went. None
    where a straight line fits as well as levels do: that is a trend."""
    found = pace(summary, span, ())
    if found is None:
        return ()
    changes = change_points(found[0].slow, independent=len(found[0]) < _FEW)
    if not changes or _straight(found[0].slow, [each.at for each in changes]):
        return ()
    return tuple((float(found[0].at[each.at]), float(np.exp(each.after - each.before))) for each in changes)


def _straight(slow: Floats, cuts: Sequence[int]) -> bool:
    """Whether a straight line explains a series as well as levels between cuts do, by G. Schwarz's criterion
    (Estimating the dimension of a model, 1978): each level and each cut is a parameter."""
    places = np.flatnonzero(~np.isnan(slow))
    values = slow[places]
    edges = [0, *np.searchsorted(places, cuts).tolist(), len(values)]
    levels = np.concatenate([np.full(b - a, values[a:b].mean()) for a, b in pairwise(edges) if b > a])
    line = np.polyval(np.polyfit(places, values, 1), places)
    powers = [max(float(((values - fit) ** 2).sum()), _NOTHING) for fit in (line, levels)]
    costs = [len(values) * math.log(power) for power in powers]
    return costs[0] + 2 * math.log(len(values)) <= costs[1] + (2 * len(cuts) + 1) * math.log(len(values))
