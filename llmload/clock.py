"""Time as a parameter: monotonic nanoseconds for measuring, wall time only for labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["NS", "Clock", "monotonic_ns", "wall_time"]

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""

Clock = Callable[[], int]
"""Returns monotonic nanoseconds; in tests, nanoseconds of virtual time."""

monotonic_ns: Clock = time.monotonic_ns
"""The real clock; comparable between the processes of one machine."""


def wall_time() -> float:
    """Seconds since the Unix epoch; for labels in results, never for measuring."""
    return time.time()
