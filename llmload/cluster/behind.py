"""The parent's work during a run, done in a thread that may step back behind the workers (see ``standing``).

On Linux a thread can be given away to SCHED_IDLE by anybody, but only who has CAP_SYS_NICE gets it back. On a machine
that is busy with other things such a thread runs a few milliseconds per second: calls would never be folded, the run
never end. So another thread, which never steps back, looks on, and carries on in its place when it must.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

__all__ = ["run_behind"]

_LOOK_SECONDS: Final = 0.25
_STARVED_SECONDS: Final = 1.5
"""Without a turn for so long, there is no time left on this machine: the thread is called forward."""


class _Behind(threading.Thread):
    """Advances ``turns`` until they end, fail, or it is told to leave the rest to others."""

    def __init__(self, turns: Iterator[object]) -> None:
        super().__init__(name="behind", daemon=True)
        self._turns = turns
        self.beat = time.monotonic()
        self.relieved = False
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.relieved:
                next(self._turns)
                self.beat = time.monotonic()
        except StopIteration:
            pass
        except BaseException as error:
            self.failure = error

    def starved(self) -> bool:
        return time.monotonic() - self.beat > _STARVED_SECONDS

    def call_forward(self) -> None:
        """Whoever may give it its ordinary priority back does so; in any case it hands over after its turn."""
        self.relieved = True
        with suppress(AttributeError, OSError):
            os.sched_setscheduler(self.native_id or 0, os.SCHED_OTHER, os.sched_param(0))


def run_behind(turns: Iterator[object]) -> None:
    """Advance ``turns`` to their end; each should take a few milliseconds. What they raise is raised here.

    They run in a thread of their own, so that what they do to their scheduling concerns them alone. When they have not
    come to an end of a turn for too long, the rest of them runs in the thread that called this.
    """
    behind = _Behind(turns)
    behind.start()
    try:
        while behind.is_alive():
            behind.join(_LOOK_SECONDS)
            if behind.is_alive() and behind.starved():
                behind.call_forward()
    finally:
        behind.relieved = True
        behind.join()
    if behind.failure is not None:
        raise behind.failure
    for _ in turns:
        pass
