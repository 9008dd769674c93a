"""Lines of styled text and how they are cut, padded and put side by side.

Everything is measured in terminal cells. Nothing here knows Rich's markup, and ``safe`` takes the control characters
out of what others wrote, so text from a server can be drawn but can't draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from llmload.safe import clean

__all__ = ["BLANK", "Canvas", "Line", "beside", "columns", "fit", "safe", "to_ascii", "width_of"]

Line = list[tuple[str, str]]
"""Pieces of one line: (text, name of a style in ``STYLES``)."""

BLANK: Final[Line] = []

STYLES: Final = {
    "": Style(),
    "good": Style(color="green"),
    "warn": Style(color="yellow"),
    "bad": Style(color="red", bold=True),
    "dim": Style(dim=True),
    "strong": Style(bold=True),
    "title": Style(bold=True),
    "plot": Style(color="cyan"),
    "gap": Style(color="yellow", dim=True),
    "ahead": Style(color="bright_black"),
}
"""Green, yellow and red say how something is judged and nothing else."""

_ASCII: Final = str.maketrans("▁▂▃▄▅▆▇█░●○✗━╸─·…µ│└┤", "_.-~=+*#:*ox=>--~u|`|")
_LONGEST: Final = 400
"""No line of any terminal is longer; what others wrote is cut here before anything looks at it."""


def safe(text: str) -> str:
    """``text`` without anything a terminal would act on: controls, escapes, bidirectional marks; bounded."""
    return clean(text, _LONGEST)


def to_ascii(text: str) -> str:
    """For terminals that know nothing else: our own characters by what looks like them, others by "?"."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def width_of(line: Line) -> int:
    """Cells that the line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit(line: Line, width: int) -> Line:
    """The line in exactly ``width`` cells: padded with blanks, or cut with "…" at its end."""
    if width <= 0:
        return []
    room = width - width_of(line)
    if room >= 0:
        return [*line, (" " * room, "")] if room else line
    kept: Line = []
    left = width - 1
    for text, style in line:
        size = cell_len(text)
        if size > left:
            kept.append((set_cell_size(text, left) + "…", style))
            break
        kept.append((text, style))
        left -= size
    return kept


def beside(left: Sequence[Line], right: Sequence[Line], left_width: int, gap: int = 2) -> list[Line]:
    """Two blocks next to each other; the shorter one ends in blanks."""
    lines = []
    for row in range(max(len(left), len(right))):
        first = left[row] if row < len(left) else BLANK
        second = right[row] if row < len(right) else BLANK
        lines.append([*fit(first, left_width), (" " * gap, ""), *second] if second else first)
    return lines


def columns(items: Sequence[Line], width: int, rows: int, gap: int = 3) -> list[Line]:
    """The items downwards in as few columns as ``rows`` allows; what has no room is left out."""
    if not items or rows <= 0:
        return []
    widest = min(width, max(width_of(item) for item in items))
    across = max(1, (width + gap) // (widest + gap))
    height = min(rows, len(items))
    across = min(across, -(-len(items) // height))
    lines: list[Line] = []
    for row in range(height):
        line: Line = []
        for item in items[row : height * across : height]:
            line += [(" " * gap, ""), *fit(item, widest)] if line else fit(item, widest)
        lines.append(line)
    return lines


class Canvas:
    """A renderable of finished lines: at most ``height`` of them, none wider than ``width``."""

    def __init__(self, lines: Sequence[Line], width: int, height: int) -> None:
        self.lines = [fit(line, width) if width_of(line) > width else line for line in lines[:height]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield from _segments(line, ascii_only=options.ascii_only)
            yield Segment.line()


def _segments(line: Line, *, ascii_only: bool) -> Iterator[Segment]:
    for text, style in line:
        yield Segment(to_ascii(text) if ascii_only else text, STYLES[style])
