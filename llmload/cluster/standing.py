"""How a run's parent stands to its workers: the signals they never see, and who gets the CPU first."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["signals_held", "stepped_back"]


@contextmanager
def signals_held() -> Iterator[None]:
    """A process started inside never sees the signals that ask a run to end: its parent answers them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def stepped_back() -> Iterator[Callable[[], None]]:
    """Inside, this process runs only where nothing else wants to: folding and drawing can wait, measuring can't.

    Where parent and worker share a core, even a nice parent would finish its time slice (some ms) before a worker
    that has just been woken gets its turn; Linux lets go of a SCHED_IDLE process at once. On a machine that is busy
    with other things such a process hardly ever runs: calling what this yields ends it early.
    """
    try:
        before = os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):  # not Linux, or not allowed here
        yield lambda: None
        return

    def forward() -> None:
        with suppress(OSError):
            os.sched_setscheduler(0, before, os.sched_param(0))

    try:
        yield forward
    finally:
        forward()
