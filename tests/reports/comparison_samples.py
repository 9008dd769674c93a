"""Comparisons made of the sample results: the same ones every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import reports_samples as samples

from llmload.analysis.compare import Measure
from llmload.metrics.buckets import Counts
from llmload.metrics.histogram import Histogram
from llmload.metrics.summary import Summary
from llmload.reports.comparison import Comparison, Party, compare_results
from llmload.reports.result import Result
from llmload.verdict.validity import Level, Reason, Validity

__all__ = ["hostile", "invalid", "pair", "slower", "valid"]

_VALID = Validity(Level.VALID, ())


def valid() -> Result:
    """The sample result, with figures that can be trusted."""
    return replace(samples.result(), validity=_VALID)


def slower(factor: float = 1.4) -> Result:
    """The same run with every time of every good call so many times as long."""
    document = samples.summary().to_json()
    summary = Summary.from_json(document)
    for cell in summary.cells.values():
        for name in ("ttft", "latency", "tpot"):
            if name in cell.good:
                cell.good[name] = _stretched(cell.good[name], factor)
    scenario = replace(
        valid().scenario, environment="staging", source={"sim": {"step": "20ms"}, "load": {"rate": "9/s"}}
    )
    return replace(valid(), version="0.2.0", scenario=scenario, summary=summary)


def _stretched(values: Histogram, factor: float) -> Histogram:
    counts = values.counts()
    longer = (values.buckets.middle(counts.places) * factor).astype(np.int64)
    places, which = np.unique(values.buckets.index(longer), return_inverse=True)
    each = np.bincount(which, weights=counts.counts).astype(np.int64)
    figures = (round(figure * factor) for figure in (counts.total, counts.low, counts.high))
    made = Histogram(values.buckets)
    made.add(Counts(places, each, *figures, 0))
    return made


def pair() -> Comparison:
    """Before and after: slower, and of a scenario that was changed."""
    return compare_results([Party("before", (valid(),)), Party("after", (slower(),))], Measure(effects={"": 0.2}))


def many() -> Comparison:
    """Three environments, one with two runs."""
    parties = [
        Party("dev", (valid(),)),
        Party("staging", (slower(),)),
        Party("production", (slower(1.02), slower(1.0))),
    ]
    return compare_results(parties, Measure())


def invalid() -> Comparison:
    """The slower one proves nothing."""
    why = Validity(Level.INVALID, (Reason("x", Level.INVALID, "the machine was busy"),))
    return compare_results([Party("a", (valid(),)), Party("b", (replace(slower(), validity=why),))], Measure())


def hostile() -> Comparison:
    """Names and scenarios as an enemy would write them."""
    bad = samples.hostile()
    scenario = replace(bad.scenario, source={samples.HOSTILE: samples.HOSTILE, "load": {"rate": samples.HOSTILE}})
    return compare_results(
        [Party(samples.HOSTILE, (bad,)), Party("| b | <b>`*", (replace(bad, scenario=scenario),))], Measure()
    )
