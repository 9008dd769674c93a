"""One figure of one side of a comparison, and how far it can be trusted.

Every figure is compared on a scale of its own: times, speeds and rates by their ratio, that is, by the difference of
their logarithms; shares by their difference. ``below`` and ``above`` are standard errors on that scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

from llmload.analysis import student
from llmload.analysis.bootstrap import Spread
from llmload.metrics.histogram import Histogram

__all__ = ["Estimate", "Method", "mean_of_calls", "of_runs", "of_windows", "percentile_of_calls", "share_of_calls"]


class Method(StrEnum):
    """What was taken as independent of each other."""

    CALLS = "calls"
    WINDOWS = "windows"
    RUNS = "runs"
    NONE = "none"
    """Nothing could be: the figure stands without an interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure. ``below`` and ``above``: its standard errors downwards and upwards, on its scale; infinite where the
    sample doesn't reach so far. ``freedom``: degrees of freedom they are known with. ``count``: how many calls, windows
    or runs (``method``) it is made of."""

    value: float
    below: float
    above: float
    freedom: float
    count: int
    method: Method

    def interval(self, confidence: float, log: bool) -> tuple[float, float]:
        """Where the true figure lies with that confidence; ``log``: the scale is that of logarithms."""
        t = student.quantile((1 + confidence) / 2, self.freedom)
        down, up = t * self.below, t * self.above
        if not log:
            return self.value - down, self.value + up
        return self.value * math.exp(-down), self.value * math.exp(min(up, 700.0))

    def widened(self, factor: float, freedom: float) -> Estimate:
        """The same with errors ``factor`` times as large, known with at most those degrees of freedom."""
        wider = replace(self, below=self.below * factor, above=self.above * factor)
        return replace(wider, freedom=min(self.freedom, freedom)) if factor > 1 else self


def _symmetric(value: float, spread: Spread, count: int, method: Method) -> Estimate:
    return Estimate(value, spread.error, spread.error, max(spread.freedom, 1.0), count, method)


def of_windows(value: float, spread: Spread, windows: int) -> Estimate:
    """From the bootstrap over windows."""
    return _symmetric(value, spread, windows, Method.WINDOWS)


def mean_of_calls(values: Histogram) -> Estimate:
    """The mean of independent values: its logarithm's standard error is stddev / (mean sqrt(n - 1)), which is what the
    bootstrap over calls comes to when it is drawn without end, with the usual correction for small samples."""
    count, mean = values.count, values.mean
    if count < 2 or mean <= 0:
        return Estimate(mean, math.inf, math.inf, 1.0, count, Method.CALLS)
    return _symmetric(mean, Spread(values.stddev / mean / math.sqrt(count - 1), count - 1), count, Method.CALLS)


def percentile_of_calls(values: Histogram, p: float, confidence: float) -> Estimate:
    """A percentile of independent values, by order statistics: free of any assumption on the distribution
    (``metrics.intervals``), and the limit of the bootstrap over calls. An end beyond the sample is infinitely far."""
    value = values.quantile(p)
    low, high = values.limits(p, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    below = math.log(value / low) / z if low and value else math.inf
    above = math.log(high / value) / z if high and value else math.inf
    return Estimate(value, max(below, 0.0), max(above, 0.0), math.inf, values.count, Method.CALLS)


def share_of_calls(part: int, whole: int, confidence: float) -> Estimate:
    """A share of independent calls, with the errors of Wilson's interval, which holds for 0 of n too.

    Two of them make the interval of R. G. Newcombe, Interval estimation for the difference between independent
    proportions, 1998 (method 10).
    """
    if not whole:
        return Estimate(0.0, math.inf, math.inf, math.inf, 0, Method.CALLS)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, under = part / whole, 1 + z * z / whole
    centre = (share + z * z / (2 * whole)) / under
    reach = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / under
    below, above = share - max(0.0, centre - reach), min(1.0, centre + reach) - share
    return Estimate(share, max(0.0, below) / z, max(0.0, above) / z, math.inf, whole, Method.CALLS)


def of_runs(values: Sequence[float], log: bool) -> Estimate:
    """Of repeated runs, one figure each: their mean (the geometric one if ``log``), and Student's interval."""
    count = len(values)
    placed = [math.log(value) if value > 0 else -math.inf for value in values] if log else list(values)
    centre = sum(placed) / count if count else math.nan
    value = math.exp(centre) if log else centre
    if count < 2 or not math.isfinite(centre):
        return Estimate(value, math.inf, math.inf, 1.0, count, Method.RUNS)
    variance = sum((each - centre) ** 2 for each in placed) / (count - 1)
    return _symmetric(value, Spread(math.sqrt(variance / count), count - 1), count, Method.RUNS)
