"""How sure the judgements of one constant load are: how far from its bound the worst objective is, in standard errors.

The figure and its bound are put on a scale on which the error does not depend on the figure: the logarithm, for shares
the arcsine of the root. The standard error is that of the judgement's own interval, made larger where calls that ended
together are alike (a queue makes them so): by the root of the design effect, from the shares of each stretch of time.

Source: W. G. Cochran, Sampling Techniques, 3rd ed., 1977, section 9A.2 (shares of clusters of unequal size).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np

from llmload.analysis.search import CONFIDENCE, SURE, Reading
from llmload.analysis.series import Floats, Series
from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.summary import Summary
from llmload.verdict import measures
from llmload.verdict.analysed import PHASES
from llmload.verdict.judge import Judgement
from llmload.verdict.kinds import Kind
from llmload.verdict.objectives import Objective
from llmload.verdict.view import whole_view

__all__ = ["design_effect", "reading", "unfit"]

_Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_SHARES: Final = (Kind.SHARE, Kind.PROBABILITY)
_AMOUNTS: Final = (Kind.RATE, Kind.SPEED)
_LEAST: Final = 1e-9
"""Stands for nothing on a logarithmic scale."""
_UNKNOWN: Final = 0.05
"""Standard error of a figure that has no interval, on its scale: 5 %."""
_THIN: Final = 0.5
"""The same of a percentile that the sample doesn't reach."""
_BLOCKS: Final = 16
"""Stretches of time a step is cut into, at most."""
_FLOOR: Final = 0.002


def unfit(objective: Objective, phases: Sequence[str] = ()) -> str:
    """Why it can't be asked of a constant load, in words; "" if it can. ``phases``: those that there are."""
    for side in objective.sides:
        where = dict(side.where)
        if any(key in where for key in PHASES) or where.get("phase", "") not in ("", *phases):
            return "it is about a phase of the scenario"
        if measures.at_the_end(side.metric, side.stat):
            return "it is about the course of a load that changes"
        if side.stat in ("count", "total"):
            return "it depends on how long the load lasts"
    if objective.op == "==":
        return "it asks for one value exactly"
    if not objective.upper and objective.kind in _AMOUNTS:
        return "a lower load misses it"
    return ""


def reading(judgements: Sequence[Judgement], summary: Summary) -> tuple[Reading, Judgement]:
    """What the step says: of the objective that is furthest beyond its bound, or else nearest to it."""
    found = [(_reading(judgement, summary), judgement) for judgement in judgements]
    return max(found, key=lambda each: each[0].z)


def _reading(judgement: Judgement, summary: Summary) -> Reading:
    objective, observed = judgement.objective, judgement.observed
    if observed is None:
        called = any(whole_view(summary, side.where).calls for side in objective.sides)
        return Reading(1.0, 1 / (2 * SURE) if called else 1.0)  # nothing went well; or nothing was asked
    shares = objective.kind in _SHARES
    at, bound = _scaled(observed, shares), _scaled(objective.value, shares)
    error = _error(judgement, shares) * math.sqrt(_clustered(objective, observed, summary))
    return Reading(at - bound if objective.upper else bound - at, max(_FLOOR, error))


def _scaled(value: float, shares: bool) -> float:
    return math.asin(math.sqrt(min(1.0, max(0.0, value)))) if shares else math.log(max(_LEAST, value))


def _error(judgement: Judgement, shares: bool) -> float:
    if judgement.interval is None:
        return _UNKNOWN if judgement.objective.percentile is None else _THIN
    low, high = (_scaled(end, shares) for end in judgement.interval)
    return (high - low) / (2 * _Z)


def _clustered(objective: Objective, observed: float, summary: Summary) -> float:
    """The design effect of calls of one stretch of time being alike; 1 where it isn't known or doesn't matter."""
    where = dict(objective.where)
    known = not objective.relation and not objective.window and set(where) <= {"class"}
    measured = [info for info in summary.phases if info.measure]
    if not known or not measured:
        return 1.0
    end = (max(summary.windows, default=-1) + 1) * summary.window_seconds
    series = Series.of(summary, where.get("class"), (measured[0].start, end))
    series = series.regrouped(max(1, -(-len(series) // _BLOCKS)))
    if objective.metric in measures.WINDOWED_HISTOGRAMS:
        found = series.histograms(objective.metric)
        of = np.array([float(each.count) for each in found])
        if objective.stat == "mean":
            alone = whole_view(summary, objective.where).histogram(objective.metric).stddev ** 2
            return design_effect(np.array([each.mean for each in found]) * of, of, alone)
        edge = observed / scale(METRICS[objective.metric])
        return design_effect(np.array([each.share_above(edge) for each in found]) * of, of)
    if objective.metric in ("errors", "success"):
        return design_effect(series.errors, series.errors + series.ok)
    return 1.0


def design_effect(sums: Floats, of: Floats, alone: float | None = None) -> float:
    """How many times larger the variance of a mean of all is than if all were independent, from the sums of blocks
    ``of`` so many values; at least 1. ``alone``: the variance of one value; None where they are hits (0 or 1)."""
    total, blocks = float(of.sum()), int(np.count_nonzero(of))
    mean = float(sums.sum()) / total if total else 0.0
    each = mean * (1 - mean) if alone is None else alone
    if blocks < 3 or each <= 0:
        return 1.0
    clustered = blocks / (blocks - 1) * float(((sums - mean * of) ** 2).sum()) / total**2
    return max(1.0, clustered / (each / total))
