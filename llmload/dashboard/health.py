"""The generator's own health: whether the figures above it can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from llmload.dashboard.canvas import Line, fit, safe, width_of
from llmload.metrics.health import WorkerHealth
from llmload.metrics.histogram import Histogram
from llmload.units import format_bytes, format_count, format_ns, format_share
from llmload.verdict.validity import Level, Validity

__all__ = ["figures", "health_lines", "reasons", "worker_lines"]

_LIGHTS: Final = {
    Level.VALID: ("●", "good"),
    Level.SUSPECT: ("●", "warn"),
    Level.INVALID: ("✗", "bad"),
}
_CODES: Final = {
    "lag p99": "schedule_lag",
    "loop p99": "loop_lag",
    "cpu": "cpu",
    "fds": "fds",
    "drops": "dropped",
    "cap": "queued",
}
"""Which reason of a Validity speaks of which figure, for colouring it."""


def health_lines(
    workers: Iterable[WorkerHealth], lag: Histogram, validity: Validity | None, width: int, rows: int
) -> list[Line]:
    """All workers in one: the worst of each figure, sums of what is counted; goes on in the next line if it must."""
    known = list(workers)
    light, style = _LIGHTS[validity.level] if validity else ("○", "dim")
    line: Line = [(light, style), (" generator", "strong" if validity else "dim")]
    if validity and validity.level is not Level.VALID:
        line.append((f" {validity.level}", style))
    lines = [line]
    for name, value in figures(known, lag):
        piece: Line = [("  ", ""), (f"{name} ", "dim"), (value, _style(name, validity))]
        if width_of(lines[-1]) + width_of(piece) > width:
            lines.append([])
        lines[-1] += piece
    return lines[:rows]


def figures(workers: Sequence[WorkerHealth], lag: Histogram) -> list[tuple[str, str]]:
    """(name, value) of what tells how the generator is doing: the worst worker's, sums of what is counted."""
    known = [("lag p99", _micros(lag))]
    if not workers:
        return known
    worst = max(workers, key=lambda worker: worker.loop_lag.percentile(99))
    tightest = max(workers, key=lambda worker: worker.fds / worker.fd_limit if worker.fd_limit else 0.0)
    known += [
        ("loop p99", _micros(worst.loop_lag)),
        ("cpu", format_share(round(max(worker.cpu.mean for worker in workers), 2))),
        ("drops", format_count(sum(worker.dropped for worker in workers))),
        ("cap", format_count(sum(worker.cap_hits for worker in workers))),
        ("fds", format_count(tightest.fds)),
    ]
    return known


def _style(name: str, validity: Validity | None) -> str:
    found = {reason.code: reason.level for reason in validity.reasons} if validity else {}
    level = found.get(_CODES.get(name, name), Level.VALID)
    return "" if level is Level.VALID else _LIGHTS[level][1]


def _micros(histogram: Histogram) -> str:
    return format_ns(histogram.percentile(99) * 1e3) if histogram.count else "-"


def reasons(validity: Validity | None, width: int) -> list[Line]:
    """Why the figures are not beyond doubt, and what to do about it."""
    made: list[Line] = []
    for reason in validity.reasons if validity else ():
        light, style = _LIGHTS[reason.level]
        line: Line = [(f"{light} ", style), (safe(reason.text), "")]
        if reason.remedy:
            line.append((f": {safe(reason.remedy)}", "dim"))
        made.append(fit(line, width) if width_of(line) > width else line)
    return made


def worker_lines(workers: Iterable[WorkerHealth], width: int, rows: int) -> list[Line]:
    """One line per worker, for terminals that have the room."""
    made: list[Line] = []
    for worker in sorted(workers, key=lambda worker: worker.worker)[: max(0, rows)]:
        figures = (
            ("loop p99", _micros(worker.loop_lag)),
            ("gc p99", _micros(worker.gc_pause)),
            ("cpu", format_share(round(worker.cpu.mean, 2))),
            ("memory", format_bytes(worker.rss)),
            ("open", format_count(worker.max_in_flight)),
        )
        line: Line = [(f"  worker {worker.worker}", "dim")]
        for name, value in figures:
            piece: Line = [("  ", ""), (f"{name} ", "dim"), (value, "")]
            if width_of(line) + width_of(piece) <= width:
                line += piece
        made.append(line)
    return made
