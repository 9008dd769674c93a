"""The top of the picture: what runs against what, how far it is, and the rates of this moment."""

from __future__ import annotations

from typing import Final

from llmload.dashboard.canvas import Line, fit, safe, width_of
from llmload.dashboard.digest import Now
from llmload.dashboard.frame import Frame
from llmload.dashboard.series import clock
from llmload.units import format_count, format_rate, format_share

__all__ = ["STAGES", "numbers", "progress", "title"]

STAGES: Final = {
    "starting": "opening connections",
    "running": "running",
    "draining": "waiting for open calls",
    "done": "done",
}


def title(frame: Frame, width: int) -> Line:
    """The scenario and its target; what is going on, at the right."""
    stage = STAGES[frame.stage]
    left: Line = [("llmload ", "dim"), (safe(frame.title), "title"), ("  ", ""), (safe(frame.target), "dim")]
    room = width - len(stage) - 2
    return [*fit(left, room), ("  ", ""), (stage, "strong")] if room > 8 else fit(left, width)


def progress(frame: Frame, width: int) -> Line:
    """The phase, a bar, and the time that is left."""
    left: Line = [(safe(frame.phase)[: max(4, width // 3)], "strong")] if frame.phase else []
    if frame.phase and not _measured(frame):
        left.append((" (not measured)", "dim"))
    duration = max(frame.duration, 1e-9)
    done = min(1.0, frame.elapsed / duration)
    times = f"{clock(frame.elapsed)} / {clock(frame.duration)}"
    rest = frame.duration - frame.elapsed
    right: Line = [(times, "")]
    if frame.stage == "running" and rest > 0:
        right.append((f"  {clock(rest)} left", "dim"))
    room = width - width_of(left) - width_of(right) - (3 if left else 1)
    gap: Line = [("  ", "")] if left else []
    if room < 6:
        return fit([*left, *gap, *right], width)
    return [*left, *gap, *_bar(done, room), (" ", ""), *right]


def _measured(frame: Frame) -> bool:
    return all(info.measure for info in frame.summary.phases if info.name == frame.phase)


def _bar(share: float, width: int) -> Line:
    filled = round(share * width * 2)
    head = "━" * (filled // 2) + "╸" * (filled % 2)
    return [(head, "plot"), ("─" * (width - len(head)), "ahead")]


def numbers(frame: Frame, now: Now, width: int) -> Line:
    """The rates of this moment."""
    parts: list[tuple[str, str]] = []
    if frame.planned_rate is not None:
        parts.append(("planned", format_rate(now.planned)))
    elif frame.users:
        parts.append(("users", format_count(frame.users)))
    parts += [
        ("sent", format_rate(now.sent)),
        ("completed", format_rate(now.completed)),
        ("in flight", format_count(frame.in_flight)),
        ("tokens", format_rate(now.output_tokens)),
    ]
    if now.goodput is not None:
        parts.append(("goodput", format_share(now.goodput)))
    line: Line = []
    for name, value in parts:
        piece: Line = [("   " if line else "", ""), (f"{name} ", "dim"), (value, "strong")]
        if width_of(line) + width_of(piece) <= width:
            line += piece
    return line
