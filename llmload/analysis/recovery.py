"""Time to recover: how long after a phase (a spike, a storm) latency and errors are back in the baseline's band, to
stay.

The band is made of the baseline's own variation: each stretch of time after the phase is scored against the stretches
of the baseline (``pace``), and a CUSUM run backwards from the end of what was observed finds the latest excess, be it
high and short or small and lasting. Where that ends, the run has recovered. A healthy run is said to have been out of
the band in few per cent of cases at most (docs/analysis.md has the figures).

What was observed ends with the run, or where the load rises above the baseline's again. Where the excess lasts until
then, recovery was not seen: the time is at least what was observed (it is censored).

The interval (95 %) is a parametric bootstrap: the scores smoothed to a curve that only falls, with fresh noise on it,
many times over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from llmload.analysis.cusum import decision_interval, ends_of_excess
from llmload.analysis.pace import Span, baseline_of, level, pace
from llmload.analysis.series import Floats, Series
from llmload.metrics.summary import Summary
from llmload.units import format_seconds

__all__ = ["STAYS", "Recovery", "latest_excess", "recovery", "storms"]

_CHANCE: Final = 0.01
STAYS: Final = 3
"""Stretches that must lie within the band at the end, to say that it stays there."""
_SHIFT: Final = 0.5
"""Standard deviations by which the level may lie above the baseline's and still be in its band."""
_LOUDER: Final = 1.25
"""Times the baseline's planned rate up to which the load counts as being back."""
_STORM: Final = 1.5
"""Times the rate of the time before from which a phase is one to recover from."""
_DRAWS: Final = 400
_Z: Final = NormalDist().inv_cdf(0.995)
"""For the reach of the baseline's own level, which is known from few stretches."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """``seconds`` from the end of the phase until the band is not left again; 0 where it was not left at all.
    ``interval``: 95 %; None where recovery was not seen (``censored``: it takes longer than ``seconds``).
    ``resolution``: seconds of one stretch; ``observed``: seconds that were looked at; ``what`` was out of the band
    last: "latency", "errors" or both; "" if nothing was."""

    seconds: float
    interval: tuple[float, float] | None
    resolution: float
    observed: float
    what: str = ""
    censored: bool = False

    def words(self) -> str:
        """In one sentence."""
        by = f", to within {format_seconds(self.resolution)}"
        if self.censored:
            return f"{self.what} did not recover within the run: at least {format_seconds(self.seconds)}{by}"
        if not self.what:
            return f"latency and errors stayed within the baseline's band{by}"
        return f"{self.what} out of the baseline's band until then{by}"


def recovery(summary: Summary, after: str, baseline: str = "", cls: str | None = None) -> Recovery | None:
    """How long it takes to recover from the phase ``after``; of one class if named. None where there is no such phase,
    no time after it, or too little in the baseline (the phase so called, else the last measured one before)."""
    band = baseline_of(summary, after, baseline)
    span = _observed(summary, after, band) if band else None
    found = pace(summary, band, (span,), cls) if band and span else None
    if found is None or band is None or span is None or len(found[1]) < STAYS:
        return None
    quiet, later = level(found[0]), found[1]
    ended = next(info.end for info in summary.phases if info.name == after)
    scores = {"latency": quiet.slow_scores(later), "errors": quiet.error_scores(later)}
    ends = {what: latest_excess(each, quiet.stretches, _CHANCE / len(scores)) for what, each in scores.items()}
    last = max(end for end, _ in ends.values())
    what = " and ".join(name for name, (end, _) in ends.items() if end == last and last)
    edges = np.append(later.at, later.at[-1] + later.width)
    observed = float(edges[-1]) - ended
    if last > len(later) - STAYS:
        return Recovery(observed, None, later.width, observed, what, censored=True)
    if not last:
        return Recovery(0.0, (0.0, later.width), later.width, observed)
    low, high = (max(bounds) for bounds in zip(*(bounds for _, bounds in ends.values()), strict=True))
    reach = max(0.0, float(edges[max(0, low - 1)]) - ended), float(edges[high]) - ended
    return Recovery(float(edges[last]) - ended, reach, later.width, observed, what)


def storms(summary: Summary) -> dict[str, str]:
    """The phases after which recovery is a question, each with the one to compare with: measured, at a rate well above
    that of the calmest measured phase before them, and followed by one about as calm as that."""
    infos = summary.phases
    calls = [summary.select(measured=False, phase=info.name).calls for info in infos]
    lengths = [info.end - info.start for info in infos]
    rates = [count / length if length > 0 else 0.0 for count, length in zip(calls, lengths, strict=True)]
    found = {}
    for n in range(1, len(infos) - 1):
        before = {info.name: rate for info, rate in zip(infos[:n], rates[:n], strict=True) if info.measure and rate}
        calm = _LOUDER * min(before.values(), default=0.0)
        if infos[n].measure and rates[n] > _STORM / _LOUDER * calm > 0 and 0 < rates[n + 1] <= calm:
            found[infos[n].name] = next(name for name, rate in before.items() if rate <= calm)
    return found


def _observed(summary: Summary, after: str, band: Span) -> Span | None:
    """From the end of the phase until the run ends or the load rises above the baseline's again."""
    names = [info.name for info in summary.phases]
    most = _LOUDER * _rate(summary, band)
    start = stop = summary.phases[names.index(after)].end
    for info in summary.phases[names.index(after) + 1 :]:
        span = (info.start, min(info.end, summary.elapsed))
        if span[1] - span[0] < summary.window_seconds or _rate(summary, span) > most + _noise(summary, span):
            break
        stop = span[1]
    return (start, stop) if stop > start else None


def _rate(summary: Summary, span: Span) -> float:
    """Planned calls per second."""
    series = Series.of(summary, "", span)
    return float(series.rate("planned").mean()) if len(series) else 0.0


def _noise(summary: Summary, span: Span) -> float:
    """Of a rate, for the randomness of arrivals: two standard deviations."""
    series = Series.of(summary, "", span)
    return 2.0 * float(np.sqrt(series.planned.sum())) / max(1.0, len(series) * series.width)


def latest_excess(scores: Floats, stretches: int, chance: float) -> tuple[int, tuple[int, int]]:
    """The stretch at which the latest excess is over (0: there was none), and the 95 % interval of that. ``stretches``:
    of the baseline that the scores are held against; ``chance``: that of finding an excess where there is none."""
    reference = _SHIFT + _Z / math.sqrt(stretches)
    interval = decision_interval(len(scores), reference, chance)
    (end,) = ends_of_excess(scores, reference, interval).tolist()
    if not end:
        return 0, (0, 0)
    noise = np.random.default_rng(1).standard_normal((_DRAWS, len(scores)))
    drawn = ends_of_excess(_falling(scores) + noise, reference, interval)
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf").astype(int).tolist()
    return end, (min(low, end), max(high, end))


def _falling(scores: Floats) -> Floats:
    """The curve that never rises and is nearest to the scores (pool adjacent violators), and not below 0."""
    blocks: list[tuple[float, int]] = []
    for score in scores.tolist():
        total, count = score, 1
        while blocks and blocks[-1][0] / blocks[-1][1] < total / count:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    means = np.concatenate([np.full(count, total / count) for total, count in blocks])
    curve: Floats = np.maximum(means, 0.0)
    return curve
