"""How far figures can be trusted, and how much of what is too much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["THRESHOLDS", "Level", "Reason", "Threshold"]


class Level(StrEnum):
    """How far the figures can be trusted, best first."""

    VALID = "VALID"
    SUSPECT = "SUSPECT"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the figures are not beyond doubt (``text``), and what to do about it (``remedy``)."""

    code: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What makes a run SUSPECT or INVALID: a share, and (for delays) also at least so many seconds."""

    suspect: float
    invalid: float = math.inf
    suspect_floor: float = 0.0
    invalid_floor: float = 0.0

    def level(self, share: float, seconds: float = math.inf) -> Level:
        """The level that a finding deserves."""
        if share > self.invalid and seconds > self.invalid_floor:
            return Level.INVALID
        if share > self.suspect and seconds > self.suspect_floor:
            return Level.SUSPECT
        return Level.VALID


THRESHOLDS: Final[Mapping[str, Threshold]] = {
    "error": Threshold(0.05, 0.25, suspect_floor=0.002, invalid_floor=0.010),
    "cpu": Threshold(0.85, 0.97),
    "cpu_wait": Threshold(0.03),
    "others_cpu": Threshold(0.50),
    "steal": Threshold(0.05, 0.25),
    "fds": Threshold(0.90),
    "shortage": Threshold(0.0, 0.01),
    "queued": Threshold(0.0),
    "dropped": Threshold(0.0, 0.01),
    "unsent": Threshold(0.001, 0.05),
    "unfinished": Threshold(0.05),
    "log_lost": Threshold(0.0),
    "network": Threshold(0.05, suspect_floor=0.005, invalid_floor=0.005),
}
"""Shares: of the figure that is off (``error``), of a core, of the time, of all cores, of the limit, of the calls,
of the median TTFT or latency (``network``)."""
