"""How calls ended: a count per outcome, and what the errors looked like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llmload.dashboard.canvas import Line, fit, safe, width_of
from llmload.dashboard.digest import Row
from llmload.dashboard.objectives import Lights
from llmload.dashboard.series import clock
from llmload.metrics.failures import ErrorGroup
from llmload.records import Outcome
from llmload.units import format_count, format_share

__all__ = ["counts", "error_lines", "ranked"]

_OTHERS: Final = 20
"""Cells kept free for the sum of what has no room."""


def _style(outcome: Outcome, lights: Lights) -> str:
    """Errors in the colour of the objective about them; without one they ask for attention."""
    if outcome.good:
        return ""
    if not outcome.error:
        return "warn" if outcome in (Outcome.DROPPED, Outcome.GENERATOR_ERROR) else "dim"
    judged = {lights.style("errors", "rate"), lights.style("errors", "count"), lights.style("success", "rate")} - {""}
    return "bad" if "bad" in judged else "" if judged else "warn"


def ranked(row: Row) -> list[tuple[Outcome, int]]:
    """Outcomes that occurred, with their counts: the good ones, then the most frequent first."""
    return sorted(row.outcomes.items(), key=lambda item: (not item[0].good, -item[1], item[0]))


def counts(row: Row, lights: Lights, width: int) -> Line:
    """Every outcome that occurred, the most frequent first; what has no room is summed up."""
    if not row.calls:
        return [("no call has ended yet", "dim")]
    found = ranked(row)
    line: Line = []
    for shown, (outcome, count) in enumerate(found):
        figure = (format_count(count), _style(outcome, lights))
        piece: Line = [("   " if line else "", ""), (f"{outcome} ", "dim"), figure]
        if shown == 0 or outcome.error:
            piece.append((f" {format_share(count / row.calls)}", "dim"))
        room = width if shown == len(found) - 1 else width - _OTHERS
        if shown and width_of(line) + width_of(piece) > room:
            rest = sum(count for _, count in found[shown:])
            return [*line, ("   others ", "dim"), (format_count(rest), "")]
        line += piece
    return line


def error_lines(groups: Iterable[ErrorGroup], width: int, rows: int) -> list[Line]:
    """The most frequent kinds of error, each with what the first of them said."""
    by_count = sorted(groups, key=lambda group: (-group.count, group.outcome, group.status, group.sample))
    made = []
    for group in by_count[: max(0, rows)]:
        status = f" {group.status}" if group.status else ""
        head: Line = [(f"{format_count(group.count):>6} ", ""), (f"{group.outcome}{status}", "strong"), ("  ", "")]
        tail: Line = [(f"  last {clock(group.last_at)}", "dim")]
        room = width - width_of(head) - width_of(tail)
        said: Line = [(safe(group.sample), "dim")]
        made.append([*head, *fit(said, room), *tail] if room > 10 else fit(head, width))
    return made
