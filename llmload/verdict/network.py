"""The network's part in what was measured: its round trip beside the figures, and whether it stayed the same."""

from __future__ import annotations

from typing import Final

from llmload.metrics.catalogue import METRICS
from llmload.metrics.summary import Summary
from llmload.units import format_seconds, format_share
from llmload.verdict.evidence import Evidence
from llmload.verdict.levels import THRESHOLDS, Level, Reason

__all__ = ["network", "typical"]

_FIGURES: Final = ("ttft", "latency")
"""Of a target's calls: the first of these that there is."""
_MICROS: Final = 1e6


def typical(summary: Summary, target: str) -> tuple[str, float] | None:
    """What the network's round trip is held against: a metric and its median of measured calls to that target, s."""
    calls = summary.select(measured=True, target=target)
    for metric in _FIGURES:
        if (found := calls.histogram(metric)).count:
            return metric, found.percentile(50) / _MICROS
    return None


def network(evidence: Evidence) -> Reason | None:
    """It was not the same before the load and after it: which of them did the calls have?"""
    worst: tuple[float, str, str] | None = None
    for target, pinged in evidence.facts.ping.items():
        found = typical(evidence.summary, target)
        if found is None or not found[1] or pinged.before is None or pinged.after is None:
            continue
        share = pinged.change / found[1]
        if THRESHOLDS["network"].level(share, pinged.change) is not Level.VALID and (worst is None or share > worst[0]):
            times = [format_seconds(each.network or 0.0) for each in (pinged.before, pinged.after)]
            of = f"{format_share(round(share, 3))} of {METRICS[found[0]].title} p50"
            worst = share, target, f"{times[0]} before the load and {times[1]} after it, apart by {of}"
    if worst is None:
        return None
    text = f"the network's round trip to {worst[1]} was {worst[2]}"
    return Reason("network", Level.SUSPECT, text, "see what else uses the network, or measure from nearer; run again")
