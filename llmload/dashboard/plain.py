"""The picture in one line, for logs and pipes."""

from __future__ import annotations

from llmload.dashboard.canvas import safe
from llmload.dashboard.frame import Frame
from llmload.dashboard.series import clock
from llmload.dashboard.view import Memory
from llmload.units import format_count, format_ns, format_rate, format_share

__all__ = ["line"]


def line(frame: Frame, memory: Memory) -> str:
    """Elapsed time, phase, rates, calls in flight, TTFT (or latency), errors, objectives that fail."""
    digest = memory.digest(frame)
    total, now = digest.total, digest.total.now
    parts = [f"{clock(frame.elapsed)}/{clock(frame.duration)}"]
    if frame.stage != "running":
        parts.append(frame.stage)
    if frame.phase:
        parts.append(safe(frame.phase))
    parts.append(
        f"planned {format_rate(now.planned)} sent {format_rate(now.sent)} completed {format_rate(now.completed)}"
    )
    parts.append(f"in flight {format_count(frame.in_flight)}")
    metric = "ttft" if total.histograms["ttft"].count else "latency"
    if total.histograms[metric].count:
        parts.append(f"{metric} p95 {format_ns(total.percentile(metric, 95.0) * 1e3)}")
    if total.calls:
        rate = "" if total.error_rate is None else f" ({format_share(total.error_rate)})"
        parts.append(f"errors {format_count(total.errors)}{rate}")
    failing = [judgement for judgement in frame.judgements if not judgement.passed and judgement.observed is not None]
    if failing:
        parts.append("failing: " + "; ".join(safe(str(judgement.objective)) for judgement in failing))
    return "  ".join(parts)
