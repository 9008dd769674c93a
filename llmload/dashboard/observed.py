"""What observers see of the target at this moment: a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from llmload.dashboard.canvas import Line, fit, safe, width_of
from llmload.metrics.observed import FIGURES, Observed, figure_of
from llmload.units import format_seconds
from llmload.verdict.target import KINDS

__all__ = ["CODES", "newest", "observed_lines"]

CODES: Final = {
    "cpu": "cpu",
    "gpu": "gpu",
    "memory": "memory",
    "queue": "waiting",
    "running": "running",
    "requests": "done",
    "cache": "cache",
    "threads": "threads",
    "connections": "connections",
    "server_latency": "latency",
    "probe": "probe",
}
"""Figure -> what it is called where there is little room, in the order of their weight. Own figures come after them."""
_NAME: Final = 20
_STALE: Final = 10.0
"""Seconds after which a value is no news any more."""


def observed_lines(observed: Mapping[str, Observed], elapsed: float, width: int, rows: int) -> list[Line]:
    """The newest value of each figure that there is room for; what is old, or can't be seen, is told apart."""
    return [_line(name, seen, elapsed, width) for name, seen in sorted(observed.items())[: max(0, rows)]]


def _line(name: str, seen: Observed, elapsed: float, width: int) -> Line:
    line: Line = [("target ", "strong"), (safe(name)[:_NAME], "")]
    if seen.trouble:
        return fit([*line, ("  ", ""), (safe(seen.trouble), "warn")], width)
    for code, value, style in newest(seen, elapsed):
        piece: Line = [("  ", ""), (f"{code} ", "dim"), (value, style)]
        if width_of(line) + width_of(piece) <= width:
            line += piece
    return line


def newest(seen: Observed, elapsed: float) -> Iterator[tuple[str, str, str]]:
    """What each figure is called, its newest value and that value's style: "dim" where it is old."""
    own = sorted(seen.figures.keys() - FIGURES.keys())
    for figure in (*(known for known in CODES if known in seen.figures), *own):
        samples = seen.figures[figure]
        if not samples.bins:
            continue
        last = max(samples.bins)
        shown = KINDS[figure_of(figure).measure].show(samples.bins[last].mean)
        old = elapsed - (last + 1) * samples.width > _STALE
        yield CODES.get(figure, safe(figure)[:_NAME]), shown, "dim" if old else ""
    if seen.probed is not None:
        stalls = seen.probed.stalls
        longest = f", longest {format_seconds(max(stall.least for stall in stalls))}" if stalls else ""
        yield "stalls", f"{len(stalls)}{longest}", "warn" if stalls else ""
