"""Frame -> picture. Pure: the same Frame, size and memory give the same lines."""

from __future__ import annotations

from typing import Final

from rich.console import RenderableType

from llmload.dashboard import header, health, latency, objectives, observed, outcomes, plots
from llmload.dashboard.canvas import Canvas, Line, beside, safe
from llmload.dashboard.digest import Digest, digest
from llmload.dashboard.frame import Frame
from llmload.dashboard.layout import Block, stack
from llmload.dashboard.objectives import Lights
from llmload.dashboard.series import Tape

__all__ = ["Frame", "Memory", "render"]

_WIDE: Final = 140
"""Columns from which there are two blocks side by side."""
_TALL: Final = 30
"""Lines they need at least."""


class Memory:
    """What need not be computed again for the next picture of the same run."""

    def __init__(self) -> None:
        self.tape = Tape()
        self._key: tuple[object, ...] = ()
        self._digest: Digest | None = None

    def digest(self, frame: Frame) -> Digest:
        """The frame's Summary folded; again only when something was added to it."""
        summary = frame.summary
        key = (id(summary), summary.elapsed, summary.planned, summary.sent, summary.completed)
        if self._digest is None or key != self._key:
            self._key, self._digest = key, digest(summary)
        return self._digest


def render(frame: Frame, width: int, height: int, memory: Memory | None = None) -> RenderableType:
    """The picture of a moment in at most ``width`` x ``height`` cells; ``memory`` makes the next one cheaper."""
    view = _View(frame, memory or Memory(), width)
    lines = view.wide(height) if width >= _WIDE and height >= _TALL else view.narrow(height)
    return Canvas(lines, width, height)


class _View:
    """The blocks of one picture."""

    def __init__(self, frame: Frame, memory: Memory, width: int) -> None:
        self.frame = frame
        self.width = width
        self.tape = memory.tape
        self.digest = memory.digest(frame)
        self.lights = Lights(frame.judgements)
        self.workers = list(frame.summary.health.values())
        total, classes = self.digest.total, self.digest.classes
        self.rows = [total, *classes] if len(classes) > 1 else [total]

    def narrow(self, height: int) -> list[Line]:
        """Everything under each other."""
        width = self.width
        return stack(
            [
                *self._head(),
                self._plots(width, rank=7, most=max(5, height // 4), apart=True),
                self._table(width, rank=4, apart=True),
                self._outcomes(width, rank=5, apart=True),
                self._errors(width, rank=9),
                self._objectives(width, rank=3, most=max(3, height // 4), apart=True),
                self._health(width, rank=2, apart=True),
                self._observed(width, rank=5),
                self._reasons(width, rank=8),
                self._messages(width, rank=6, most=2),
            ],
            height,
        )

    def wide(self, height: int) -> list[Line]:
        """Plots and figures at the left, judgements at the right, under a common head."""
        gap = 4
        left_width = (self.width - gap) * 3 // 5
        right_width = self.width - gap - left_width
        head = [*stack(self._head(), height), []]
        room = height - len(head)
        left = stack(
            [
                self._plots(left_width, rank=1, most=room),
                self._table(left_width, rank=0, apart=True),
            ],
            room,
        )
        right = stack(
            [
                self._titled("objectives", self._objectives(right_width, rank=0, most=room // 2), right_width),
                self._titled("outcomes", self._outcomes(right_width, rank=2), right_width),
                self._titled("errors", self._errors(right_width, rank=4), right_width),
                self._titled("target", self._observed(right_width, rank=2), right_width),
                self._titled("generator", self._health(right_width, rank=1), right_width),
                self._reasons(right_width, rank=3),
                self._workers(right_width, rank=6),
                self._titled("messages", self._messages(right_width, rank=5, most=8), right_width),
            ],
            room,
        )
        return head + beside(left, right, left_width, gap)

    def _head(self) -> list[Block]:
        frame, width = self.frame, self.width
        return [
            Block(0, 1, 1, lambda rows: [header.title(frame, width)]),
            Block(1, 1, 1, lambda rows: [header.progress(frame, width)]),
            Block(1, 1, 1, lambda rows: [header.numbers(frame, self.digest.total.now, width)]),
        ]

    def _plots(self, width: int, rank: int, most: int, apart: bool = False) -> Block:
        return Block(rank, 4, most, lambda rows: plots.plots(self.frame, self.tape, width, rows), apart)

    def _table(self, width: int, rank: int, apart: bool = False) -> Block:
        size = latency.HEADINGS + len(self.rows)
        return Block(rank, min(size, 3), size, lambda rows: latency.table(self.rows, self.lights, width, rows), apart)

    def _outcomes(self, width: int, rank: int, apart: bool = False) -> Block:
        return Block(rank, 1, 1, lambda rows: [outcomes.counts(self.digest.total, self.lights, width)], apart)

    def _errors(self, width: int, rank: int) -> Block:
        groups = self.frame.summary.errors.values()
        return Block(rank, 1, min(8, len(groups)), lambda rows: outcomes.error_lines(groups, width, rows))

    def _objectives(self, width: int, rank: int, most: int, apart: bool = False) -> Block:
        judged = self.frame.judgements
        return Block(rank, 1, min(most, len(judged)), lambda rows: objectives.lines(judged, width, rows), apart)

    def _health(self, width: int, rank: int, apart: bool = False) -> Block:
        frame = self.frame

        def draw(rows: int) -> list[Line]:
            return health.health_lines(self.workers, self.digest.lag, frame.validity, width, rows)

        return Block(rank, 1, len(draw(3)), draw, apart)

    def _observed(self, width: int, rank: int) -> Block:
        seen, elapsed = self.frame.summary.observed, self.frame.elapsed
        return Block(rank, 1, min(4, len(seen)), lambda rows: observed.observed_lines(seen, elapsed, width, rows))

    def _reasons(self, width: int, rank: int) -> Block:
        lines = health.reasons(self.frame.validity, width)
        return Block(rank, 1, min(6, len(lines)), lambda rows: lines)

    def _workers(self, width: int, rank: int) -> Block:
        return Block(rank, 1, len(self.workers), lambda rows: health.worker_lines(self.workers, width, rows))

    def _messages(self, width: int, rank: int, most: int) -> Block:
        kept = self.frame.messages[-most:]
        return Block(rank, 1, len(kept), lambda rows: [[(safe(text), "dim")] for text in kept[-rows:]])

    def _titled(self, title: str, block: Block, width: int) -> Block:
        if not block.most:
            return block
        heading: Line = [(f"{title} ", "strong"), ("─" * max(0, width - len(title) - 1), "ahead")]
        return Block(
            block.rank, block.least + 1, block.most + 1, lambda rows: [heading, *block.draw(rows - 1)], apart=True
        )
