"""Who comes to fetch what is served, and whether somebody should still be given the time to come at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Visits"]

_LATE: Final = 1.5
"""Times of its interval after which a visitor will not come any more."""


class Visits:
    """Visitors by address, each with the times (s) of its last two visits; who came twice comes at that interval.

    Once the end is ``shown``, those are awaited who have not seen it yet: a visitor of a known interval until it is
    late, one that came once until ``linger`` seconds are over. Where nobody came at all, somebody may whose interval is
    longer than the run: that one is given ``linger`` seconds from the beginning.
    """

    def __init__(self, linger: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._linger: Final = linger
        self._clock: Final = clock
        self._begun = clock()
        self._shown: float | None = None
        self._visits: Final[dict[str, tuple[float, ...]]] = {}
        self._done: Final[set[str]] = set()
        self._lock: Final = threading.Lock()

    def begin(self) -> None:
        """From now on somebody can come."""
        self._begun = self._clock()

    def show(self) -> None:
        """From now on, what is served is the end."""
        with self._lock:
            if self._shown is None:
                self._shown = self._clock()

    @property
    def shown(self) -> bool:
        """Whether the end is what is served."""
        return self._shown is not None

    def came(self, address: str, saw_the_end: bool) -> None:
        """Somebody fetched all that is served."""
        with self._lock:
            self._visits[address] = (*self._visits.get(address, ())[-1:], self._clock())
            if saw_the_end:
                self._done.add(address)

    def awaited(self) -> float:
        """Seconds until nobody is waited for any more, if nobody comes; 0 if nobody is."""
        with self._lock:
            if self._shown is None:
                return 0.0
            limit = self._shown + self._linger
            dues = [self._due(times, limit) for address, times in self._visits.items() if address not in self._done]
            if not self._visits:
                dues = [self._begun + self._linger]
            return max(0.0, min(max(dues, default=0.0), limit) - self._clock())

    def _due(self, times: tuple[float, ...], limit: float) -> float:
        return times[-1] + _LATE * (times[-1] - times[0]) if len(times) > 1 else limit

    def missed(self) -> str:
        """Who never saw the end, in words; "" if everybody did who came."""
        with self._lock:
            if self._shown is None:
                return ""
            if not self._visits:
                return "nobody fetched the metrics"
            late = sorted(set(self._visits) - self._done)
            return f"the last figures were not fetched by {', '.join(late[:3])}" if late else ""
