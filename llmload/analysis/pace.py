"""How slow and how faulty a run is in each stretch of it, held against a baseline of the same run.

Slowness is the mean over the calls of log(latency / what the baseline has for calls of the same class), the latter
being the geometric mean there: so a change of the mix changes nothing, and single slow calls weigh little. 0.1 is 10
% slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from llmload.analysis.cusum import HIGHEST_SCORE, count_score, normal_score
from llmload.analysis.series import Floats, Series
from llmload.metrics.buckets import COARSE
from llmload.metrics.summary import Summary

__all__ = ["FINEST", "Pace", "Span", "baseline_of", "level", "pace"]

Span = tuple[float, float]
"""From, to: seconds since the start of the run."""

FINEST: Final = 0.01
"""The buckets of a window's histogram are 0.8 % wide: what varies by less is taken to vary by this."""
_LOG: Final = np.log(np.maximum(1.0, COARSE.middle(np.arange(COARSE.size)).astype(float)))
_KNOWN: Final = 5
"""Calls of a class in the baseline from which its latency there is known."""
_GROUP: Final = 10.0
"""Calls that a stretch has on average in the baseline, so that its mean is near normal."""
_STRETCHES: Final = 8
"""Stretches that the baseline is cut into at least, if it has as many windows: they tell how it varies."""


@dataclass(frozen=True)
class Pace:
    """Stretches of ``width`` seconds; ``at``: where each begins. ``slow``: see above, nan where no call of a known
    class ended well; ``good``: those calls. ``failed`` of ``answered`` calls; ``silent``: 1 where calls
    were sent, and none ended."""

    width: float
    at: Floats
    slow: Floats
    good: Floats
    failed: Floats
    answered: Floats
    silent: Floats

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class Level:
    """What the baseline is like: ``mean`` and ``spread`` (standard deviation between stretches, widened where
    neighbours are alike) of its slowness; ``good`` calls per stretch; ``failed`` of ``answered`` calls, of all."""

    stretches: int
    mean: float
    spread: float
    good: float
    failed: float
    answered: float

    def slow_scores(self, found: Pace) -> Floats:
        """How far each stretch is above the baseline, as standard normal scores; stretches with fewer calls vary
        more. 0 where nothing is known, the highest there is where calls were sent and none ended."""
        fewer = np.sqrt(np.maximum(1.0, self.good / np.maximum(found.good, 1.0)))
        spread = self.spread * np.sqrt(fewer**2 + 1.0 / self.stretches)
        scores = normal_score((np.nan_to_num(found.slow, nan=self.mean) - self.mean) / spread, self.stretches - 1.0)
        scores = np.where(found.silent > 0, HIGHEST_SCORE, scores)
        clipped: Floats = np.clip(scores, -HIGHEST_SCORE, HIGHEST_SCORE)
        return clipped

    def error_scores(self, found: Pace) -> Floats:
        """The same of the share of failed calls."""
        pairs = zip(found.failed.tolist(), found.answered.tolist(), strict=True)
        known = (int(self.failed), int(self.answered))
        scores = np.array([count_score(int(failed), int(of), *known) if of else 0.0 for failed, of in pairs])
        clipped: Floats = np.clip(scores, -HIGHEST_SCORE, HIGHEST_SCORE)
        return clipped


def baseline_of(summary: Summary, phase: str, name: str = "") -> Span | None:
    """The stretch to compare a phase with: the phase called ``name``, or the last measured one before it."""
    infos = {info.name: info for info in summary.phases}
    if phase not in infos:
        return None
    before = [info for info in summary.phases if info.measure and info.end <= infos[phase].start]
    chosen = infos.get(name) if name else (before[-1] if before else None)
    return (chosen.start, chosen.end) if chosen else None


def pace(
    summary: Summary, baseline: Span, spans: tuple[Span, ...], cls: str | None = None, metric: str = "latency"
) -> list[Pace] | None:
    """Of the baseline itself and of each of the spans, in stretches of one width; of one class if named, and of
    another ``metric`` than latency if wanted. None where the baseline is too short, or too few calls ended
    well in it, to say what it is like."""
    classes = sorted({name for found in summary.windows.values() for name in found} - {""})
    chosen = [name for name in classes if cls in (None, name)]
    whole = {name: _sums(Series.of(summary, name, baseline), metric) for name in chosen}
    known = {name: float(sums.sum() / calls.sum()) for name, (sums, calls) in whole.items() if calls.sum() >= _KNOWN}
    if not known:
        return None
    calls = sum(found.sum() for name, (_, found) in whole.items() if name in known)
    windows = len(next(iter(whole.values()))[0])
    factor = min(int(np.ceil(_GROUP * windows / calls)), max(1, windows // _STRETCHES))
    if windows // factor < 3:
        return None
    return [_pace(summary, span, known, chosen, cls, factor, metric) for span in (baseline, *spans)]


def _sums(series: Series, metric: str) -> tuple[Floats, Floats]:
    """Of each window: the sum of the logarithms of the metric (µs) of good calls, and how many they are."""
    sums, calls = np.zeros(len(series)), np.zeros(len(series))
    for n, parts in enumerate(series.windows):
        for part in parts:
            if metric in part.series:
                found = part.series[metric].counts()
                sums[n] += float(_LOG[found.places] @ found.counts)
                calls[n] += float(found.counts.sum())
    return sums, calls


def _pace(
    summary: Summary, span: Span, known: dict[str, float], chosen: list[str], cls: str | None, factor: int, metric: str
) -> Pace:
    every = Series.of(summary, cls, span)
    excess, good = np.zeros(len(every)), np.zeros(len(every))
    for name in chosen:
        if name in known:
            sums, calls = _sums(Series.of(summary, name, span), metric)
            excess += sums - calls * known[name]
            good += calls
    sent = Series.of(summary, "", span).sent
    parts = [_grouped(part, factor) for part in (excess, good, every.errors, every.ok + every.errors, sent)]
    together, counted, failed, answered, asked = parts
    slow = np.divide(together, counted, out=np.full(len(counted), np.nan), where=counted > 0)
    silent = ((answered == 0) & (asked >= _GROUP / 2)).astype(float)
    return Pace(every.width * factor, every.at[: len(slow) * factor : factor], slow, counted, failed, answered, silent)


def _grouped(values: Floats, factor: int) -> Floats:
    whole = len(values) // factor
    sums: Floats = values[: whole * factor].reshape(whole, factor).sum(axis=1)
    return sums


def level(found: Pace) -> Level:
    """What a baseline is like."""
    slow = found.slow[~np.isnan(found.slow)]
    spread = float(slow.std(ddof=1)) * _alike(slow) if len(slow) > 1 else 0.0
    return Level(
        max(2, len(slow)), float(slow.mean()) if len(slow) else 0.0, max(spread, FINEST), float(found.good.mean()),
        float(found.failed.sum()), float(found.answered.sum()),
    )  # fmt: skip


def _alike(values: Floats) -> float:
    """What the standard deviation of a series is to be multiplied by because neighbours are alike.

    The square root of (1 + r) / (1 - r), with r their correlation (that of an autoregressive process of order 1),
    corrected for its bias in short series (M. G. Kendall, Note on bias in the estimation of autocorrelation, 1954).
    """
    centred = values - values.mean()
    power = float(centred @ centred)
    r = float(centred[1:] @ centred[:-1]) / power if power else 0.0
    r = min(max(r + (1 + 3 * r) / len(values), 0.0), 0.9)
    return float(np.sqrt((1 + r) / (1 - r)))
