"""Time as a parameter: monotonic nanoseconds for measuring, wall time only for labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["DUE", "NEVER", "NS", "Clock", "Due", "monotonic_ns", "wall_time"]

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""

Clock = Callable[[], int]
"""Returns monotonic nanoseconds; in tests, nanoseconds of virtual time."""

monotonic_ns: Clock = time.monotonic_ns
"""The real clock; comparable between the processes of one machine."""


def wall_time() -> float:
    """Seconds since the Unix epoch; for labels in results, never for measuring."""
    return time.time()


NEVER: Final = 1 << 62
"""A monotonic ns that no clock reaches."""


class Due:
    """What is to be done at a time, for whoever reads the clock anyway: where a hundred sockets have something to
    read at once, the timer of the next call would wait its turn behind them all.

    ``at``: monotonic ns. Whoever finds it past calls ``ring``, which sets ``at`` anew.
    """

    __slots__ = ("at", "ring")

    at: int
    ring: Callable[[], None]

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing is due any more."""
        self.at = NEVER
        self.ring = _nothing


def _nothing() -> None:
    """Nothing is due."""


DUE: Final = Due()
"""The one of this process: it has one schedule."""
