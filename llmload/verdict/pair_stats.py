"""What an objective can be about in pairs: ``paired.METRIC.STAT{target=A,against=B}``, what A had more than B."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.differences import PAIRED, Difference
from llmload.verdict import paired
from llmload.verdict.kinds import Kind, Stat, kind_of_metric

if TYPE_CHECKING:
    from llmload.verdict.view import View

__all__ = ["AGAINST", "PAIR_FIGURES", "PAIR_STATS", "PERCENTILES", "Figure"]

AGAINST: Final = "against"
"""The filter that names the target which ``target`` is set against."""
PERCENTILES: Final[Mapping[str, float]] = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a difference. ``kind`` None: a value of the metric, which takes its scale and may be negative."""

    value: Callable[[Difference], float | None]
    help: str
    kind: Kind | None = None
    interval: Callable[[Difference], tuple[float, float] | None] = lambda difference: None
    enough: Callable[[Difference], bool] = lambda difference: True


def _percentile(name: str, p: float) -> Figure:
    return Figure(
        lambda difference: paired.Ordered.of(difference).percentile(p),
        f"{name} of the differences; interval from order statistics",
        interval=lambda difference: paired.Ordered.of(difference).interval(p),
        enough=lambda difference: paired.Ordered.of(difference).enough(p),
    )


PAIR_FIGURES: Final[Mapping[str, Figure]] = {
    "mean": Figure(paired.mean, "mean difference; interval over blocks of time", interval=paired.mean_interval),
    **{name: _percentile(name, p) for name, p in PERCENTILES.items()},
    "above": Figure(lambda found: found.above.count, "share of the pairs in which `target` has more", Kind.SHARE),
    "sign": Figure(paired.sign_test, "p-value of the sign test that either is as often ahead", Kind.PROBABILITY),
    "wilcoxon": Figure(
        paired.wilcoxon, "p-value of Wilcoxon's signed-rank test that differences lie evenly around 0", Kind.PROBABILITY
    ),
    "count": Figure(lambda found: found.count or None, "pairs of which both calls went well", Kind.COUNT),
}
"""Figures of any metric that is kept in pairs."""


def _stat(metric: str, figure: Figure) -> Stat:
    unit = scale(METRICS[metric]) if figure.kind is None else 1.0

    def of(view: View) -> Difference:
        return view.pairs.metrics.get(metric, Difference())

    def read(view: View) -> tuple[float | None, int]:
        difference = of(view)
        value = figure.value(difference)
        return None if value is None else value * unit, difference.count

    def interval(view: View) -> tuple[float, float] | None:
        found = figure.interval(of(view))
        return None if found is None else (found[0] * unit, found[1] * unit)

    return Stat(
        figure.kind or kind_of_metric(metric), read, figure.help, windows=False, interval=interval,
        enough=lambda view: figure.enough(of(view)), signed=figure.kind is None,
    )  # fmt: skip


PAIR_STATS: Final[Mapping[str, Stat]] = MappingProxyType(
    {f"{metric}.{name}": _stat(metric, figure) for metric in PAIRED for name, figure in PAIR_FIGURES.items()}
)
"""``METRIC.STAT`` -> how to read it."""
