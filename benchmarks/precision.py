"""Does each call leave when it should, and does waiting for its time cost nothing?

``llmload run`` with 1000 calls a second (not streamed) against the minimal server, server and client on cores of
their own: how late calls left, from planned to handed to the kernel. And the same nearly idle: what it takes to wait.
"""

from __future__ import annotations

from benchmarks.clients import Llmload
from benchmarks.stage import Case, Run, perform
from benchmarks.tables import Table

__all__ = ["run"]

_HEADS = (
    "calls/s", "whole", "late p50, ms", "p99, ms", "max, ms", "worker, of a core", "all of llmload, of a core",
)  # fmt: skip


def _shares(run: Run) -> tuple[float, float]:
    """Shares of a core used in the steady part: by the busiest process but the first (the worker), and by all."""
    looks = run.middle()
    if len(looks) < 2:
        return 0.0, 0.0
    first, last = looks[0], looks[-1]
    seconds = (last.at - first.at) / 1e9
    parent, *others = (last.cpu[pid] - first.cpu.get(pid, 0.0) for pid in last.cpu)
    return max(others, default=0.0) / seconds, (parent + sum(others)) / seconds


def run(quick: bool) -> list[Table]:
    """Lateness at a high rate and nearly idle."""
    table = Table("precision", _HEADS)
    for rate, duration in ((50, 1.5), (1, 2)) if quick else ((1000, 20), (1, 10)):
        case = Case(f"{rate} calls/s", duration, rate=rate, tokens=1, ttft=5, spread=5, stream=False)
        found = perform(Llmload(), case)
        late = [f"{found.said.time('lag', place) or 0.0:.3f}" for place in range(3)]
        table.rows.append([rate, found.whole, *late, *(f"{share:.1%}" for share in _shares(found))])
    return [table]
