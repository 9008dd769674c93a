"""The shape of a day and of a week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmload.arrivals.base import need
from llmload.arrivals.pieces import Piece, PieceCurve

__all__ = ["OFFICE_DAY", "OFFICE_WEEK", "Diurnal"]

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR

OFFICE_DAY: Final = (
    0.15, 0.10, 0.08, 0.08, 0.10, 0.15, 0.25, 0.45, 0.75, 0.95, 1.00, 0.95,
    0.80, 0.85, 0.95, 1.00, 0.95, 0.85, 0.70, 0.60, 0.50, 0.40, 0.30, 0.20,
)  # fmt: skip
"""Multipliers at each full hour for people at work: two humps with a dip at noon, quiet at night."""

OFFICE_WEEK: Final = (1.0, 1.0, 1.0, 1.0, 0.95, 0.45, 0.40)
"""Factors from Monday to Sunday."""


@dataclass(frozen=True, slots=True)
class Diurnal(PieceCurve):
    """``level`` times an hourly shape times a factor for the day of the week, straight between full hours.

    ``start``: seconds after Monday's midnight, in the week's own time, at which the run begins.
    ``time_scale``: seconds of the run per second of the week; 1/24 puts a day into an hour.
    ``duration`` is in seconds of the run; days follow each other as long as it lasts.
    """

    level: float
    duration: float
    hours: tuple[float, ...] = OFFICE_DAY
    week: tuple[float, ...] = OFFICE_WEEK
    start: float = 0.0
    time_scale: float = 1.0

    def multiplier(self, moment: float) -> float:
        """The shape at ``moment`` (s of the week's own time)."""
        hour, into = divmod(moment, _HOUR)
        share = into / _HOUR
        return self._at_hour(int(hour)) * (1.0 - share) + self._at_hour(int(hour) + 1) * share

    def pieces(self) -> Iterator[Piece]:
        """One piece per hour of the week's time."""
        need(len(self.hours) == 24, f"a day has 24 hours, not {len(self.hours)}")
        need(len(self.week) == 7, f"a week has 7 days, not {len(self.week)}")
        need(self.time_scale > 0.0, "the time scale must be above 0")
        need(self.start >= 0.0, "the start must not be below 0")
        end = self.start + self.duration / self.time_scale
        moment = self.start
        while moment < end:
            following = min((moment // _HOUR + 1) * _HOUR, end)
            until = self.duration if following == end else (following - self.start) * self.time_scale
            yield Piece(until, self.level * self.multiplier(moment), self.level * self.multiplier(following))
            moment = following

    def scaled(self, rate: float = 1.0, time: float = 1.0) -> Diurnal:
        """The same stretch of the week, rates times ``rate``, times times ``time``."""
        return Diurnal(
            self.level * rate, self.duration * time, self.hours, self.week, self.start, self.time_scale * time
        )

    def _at_hour(self, hour: int) -> float:
        day, of_day = divmod(hour, 24)
        return self.hours[of_day] * self.week[day % 7]
