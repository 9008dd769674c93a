"""Every phase against the baseline: how many times as slow, with an interval, and how many more calls failed.

The baseline is the phase called "baseline" or, without one, the calm one before a storm (``recovery.storms``).
Slowness is as in ``pace``: each class against its own geometric mean there. The interval (95 %) is Welch's for the
difference of two means of stretches, their spread widened where neighbours are alike; stretches come one after the
other, not call by call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmload.analysis.pace import Level, Pace, level, pace
from llmload.analysis.recovery import storms
from llmload.analysis.student import quantile
from llmload.metrics.summary import Summary

__all__ = ["Against", "against_baseline"]

_NAME: Final = "baseline"
_LEAST: Final = 3
"""Stretches on each side without which there is no interval."""


@dataclass(frozen=True, slots=True)
class Against:
    """A phase: calls/s; latency as a multiple of the baseline's (None where nothing went well), with its 95 %
    ``interval`` (None from too few stretches); the share of failed calls, and by how much it is above the
    baseline's."""

    phase: str
    rate: float
    latency: float | None
    interval: tuple[float, float] | None
    errors: float
    more: float


def against_baseline(summary: Summary) -> tuple[str, tuple[Against, ...]] | None:
    """The baseline's name and the measured phases after it; None where there is no baseline to speak of."""
    infos = [info for info in summary.phases if info.measure and info.start < min(info.end, summary.elapsed)]
    names = [info.name for info in infos]
    name = _NAME if _NAME in names else next(iter(storms(summary).values()), "")
    if not name or name not in names[:-1]:
        return None
    base, others = infos[names.index(name)], infos[names.index(name) + 1 :]
    spans = tuple((info.start, min(info.end, summary.elapsed)) for info in others)
    found = pace(summary, (base.start, base.end), spans)
    if found is None:
        return None
    quiet, base_means = level(found[0]), _means(summary, name)
    rows = []
    for info, part in zip(others, found[1:], strict=True):
        calls, excess = summary.select(phase=info.name), _excess(_means(summary, info.name), base_means)
        rate = calls.calls / (min(info.end, summary.elapsed) - info.start)
        latency = None if excess is None else math.exp(min(excess, 50.0))
        interval = None if excess is None else _interval(excess, quiet, part)
        more = calls.error_rate - summary.select(phase=name).error_rate
        rows.append(Against(info.name, rate, latency, interval, calls.error_rate, more))
    return name, tuple(rows)


Means = dict[str, tuple[float, int]]
"""Class -> mean logarithm of the latencies of its good calls, and how many they are."""


def _means(summary: Summary, phase: str) -> Means:
    means: Means = {}
    for cls, part in summary.split("class", phase=phase).items():
        values, counts = part.histogram("latency").nonzero()
        if counts.sum():
            means[cls] = float(np.log(np.maximum(values, 1)) @ counts / counts.sum()), int(counts.sum())
    return means


def _excess(means: Means, base: Means) -> float | None:
    """How far above the baseline's, over the calls of the classes that both have."""
    both = [(mean - base[cls][0], calls) for cls, (mean, calls) in means.items() if cls in base]
    return sum(excess * calls for excess, calls in both) / sum(calls for _, calls in both) if both else None


def _interval(excess: float, quiet: Level, found: Pace) -> tuple[float, float] | None:
    count = int((~np.isnan(found.slow)).sum())
    if min(count, quiet.stretches) < _LEAST:
        return None
    parts = [(quiet.spread**2 / quiet.stretches, quiet.stretches - 1), (level(found).spread ** 2 / count, count - 1)]
    power = sum(part for part, _ in parts)
    freedom = power**2 / sum(part**2 / each for part, each in parts)
    reach = quantile(0.975, freedom) * math.sqrt(power)
    return math.exp(min(excess - reach, 50.0)), math.exp(min(excess + reach, 50.0))
