"""Who gets how many lines: blocks under each other in a terminal that is never tall enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmload.dashboard.canvas import BLANK, Line

__all__ = ["Block", "allot", "stack"]


@dataclass(frozen=True, slots=True)
class Block:
    """Something that can draw itself in ``least`` to ``most`` lines; the lowest ``rank`` gets its lines first.

    ``apart``: with a blank line above it, where there is room for that.
    """

    rank: int
    least: int
    most: int
    draw: Callable[[int], list[Line]]
    apart: bool = False


def allot(blocks: Sequence[Block], height: int) -> list[int]:
    """Lines for each block: first the least of as many as fit, then, by rank again, up to its most."""
    given = [0] * len(blocks)
    left = height
    ranked = sorted(range(len(blocks)), key=lambda k: blocks[k].rank)
    for k in ranked:
        if 0 < blocks[k].least <= left:
            given[k] = blocks[k].least
            left -= given[k]
    for k in ranked:
        more = min(blocks[k].most - given[k], left) if given[k] else 0
        given[k] += more
        left -= more
    return given


def stack(blocks: Sequence[Block], height: int) -> list[Line]:
    """The blocks drawn from top to bottom in at most ``height`` lines."""
    present = [block for block in blocks if block.most > 0]
    gaps = sum(block.apart for block in present)
    comfortable = height - sum(block.least for block in present) >= 3 * gaps
    given = allot(present, height - gaps if comfortable else height)
    lines: list[Line] = []
    for block, count in zip(present, given, strict=True):
        if not count:
            continue
        if block.apart and comfortable and lines:
            lines.append(BLANK)
        lines += block.draw(count)[:count]
    return lines[:height]
