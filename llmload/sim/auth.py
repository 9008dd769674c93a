"""Where the service looks keys up: a store behind a pool of connections, for which requests wait in turn. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from llmload.clock import NS, Clock
from llmload.sim.model import CallAt, Cancellable
from llmload.sim.spec import AuthSpec

__all__ = ["AuthStore", "Lookup"]


class Lookup:
    """One key being looked up: ``found`` is called when it has been, ``failed`` when no connection came in time."""

    __slots__ = ("_store", "_timer", "failed", "found", "leaks", "over", "seconds")

    def __init__(
        self, store: AuthStore, seconds: float, leaks: bool, found: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        self._store = store
        self._timer: Cancellable | None = None
        self.seconds = seconds
        self.leaks = leaks
        self.found = found
        self.failed = failed
        self.over = False

    def begin(self) -> None:
        """It has a connection."""
        self._set(self.seconds, self._end)

    def wait(self, seconds: float) -> None:
        """It waits for one, so long at most."""
        self._set(seconds, self._give_up)

    def cancel(self) -> None:
        """Nobody waits for it any more. A query that was sent runs to its end all the same."""
        self.found = self.failed = lambda: None

    def _set(self, seconds: float, act: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._store.call_at(self._store.now() + round(seconds * NS), act)

    def _end(self) -> None:
        self._store.done(self)
        self.found()

    def _give_up(self) -> None:
        self.over = True
        self.failed()


class AuthStore:
    """Takes ``pool`` lookups at once (0: any number), the others in the order in which they came."""

    def __init__(self, spec: AuthSpec, now: Clock, call_at: CallAt) -> None:
        self.now: Final = now
        self.call_at: Final = call_at
        self._spec: Final = spec
        self._waiting: deque[Lookup] = deque()
        self.busy = 0
        """Connections in use, or lost."""

    @property
    def waiting(self) -> int:
        """Lookups that wait for a connection."""
        return sum(not lookup.over for lookup in self._waiting)

    def ask(self, more: float, leaks: bool, found: Callable[[], None], failed: Callable[[], None]) -> Lookup:
        """Look a key up; ``more``: seconds it takes beyond what it should; ``leaks``: its connection is lost."""
        lookup = Lookup(self, self._spec.lookup + more, leaks, found, failed)
        if not self._spec.pool or self.busy < self._spec.pool:
            self.busy += 1
            lookup.begin()
        else:
            self._waiting.append(lookup)
            lookup.wait(self._spec.wait)
        return lookup

    def done(self, lookup: Lookup) -> None:
        """A lookup has been made: its connection is the next one's."""
        if lookup.leaks:
            return
        while self._waiting:
            following = self._waiting.popleft()
            if not following.over:
                following.begin()
                return
        self.busy -= 1
