"""Where a thread's time went: on a CPU, waiting for one, or neither. From the kernel's own accounts (Linux)."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import Final, NamedTuple

from llmload.metrics.disturbance import Cause

__all__ = ["Look", "Whereabouts", "blame"]

_TICK: Final = 10_000_000
"""Nanoseconds in which /proc/stat counts (USER_HZ is 100 everywhere Linux runs Python)."""


class Look(NamedTuple):
    """Nanoseconds so far: on a CPU; ready to run without getting one; taken by the hypervisor from any CPU."""

    ran: int = 0
    waited: int = 0
    stolen: int = 0


def blame(lag: int, before: Look, now: Look, collected: int) -> Cause:
    """What a lag of so many ns is mostly due to, by what happened since the look before (which was not late).

    ``collected``: ns of garbage collection. What accounts for half of the lag is to blame; where nothing does, the
    process stood still.
    """
    half = lag / 2
    findings = (
        (now.waited - before.waited, Cause.PREEMPTED),
        (now.stolen - before.stolen, Cause.STOLEN),
        (collected, Cause.COLLECTING),
        (now.ran - before.ran, Cause.BUSY),
    )
    return next((cause for amount, cause in findings if amount >= half), Cause.STOPPED)


class Whereabouts:
    """Of the thread that makes it. Elsewhere than on Linux only the time on a CPU is known."""

    def __init__(self) -> None:
        self._queue = _open(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._machine = _open("/proc/stat")
        self._seen = Look()

    def look(self) -> Look:
        """Now; costs some ten microseconds."""
        _, waited, stolen = self._seen
        if self._queue >= 0:  # three numbers: ns on a CPU (late by up to a tick), ns on a run queue, time slices
            waited = int(os.pread(self._queue, 64, 0).split()[1])
        if self._machine >= 0:  # cpu user nice system idle iowait irq softirq steal ...
            stolen = int(os.pread(self._machine, 256, 0).split(None, 9)[8]) * _TICK
        self._seen = Look(time.thread_time_ns(), waited, stolen)
        return self._seen

    def close(self) -> None:
        """From now on nothing changes but the time on a CPU."""
        for handle in (self._queue, self._machine):
            if handle >= 0:
                os.close(handle)
        self._queue = self._machine = -1


def _open(path: str) -> int:
    if sys.platform == "linux":
        with suppress(OSError):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return -1
