"""Waking up at an absolute time, as exactly as the machine allows and without spinning.

The event loop's own timers count whole milliseconds (libuv), so a call planned for 10.4 ms leaves at 11. On Linux a
timerfd, watched by the loop like a socket, fires within some tens of microseconds; elsewhere we fall back to the loop.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Final, Protocol

from llmload.clock import NS, Clock, monotonic_ns

__all__ = ["Alarm", "LoopAlarm", "TimerfdAlarm", "make_alarm"]


class Alarm(Protocol):
    """Calls back once at (or just after) the time it was last set to."""

    kind: str

    def set(self, at: int) -> None:
        """Ring at monotonic ns ``at``; at once, but not within this call, if that is past."""

    def close(self) -> None:
        """Never ring again."""


class LoopAlarm:
    """The event loop's timer: exact in virtual time, up to a millisecond late in real time."""

    kind = "loop"

    def __init__(self, ring: Callable[[], None], clock: Clock = monotonic_ns) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._clock = clock
        self._handle: asyncio.Handle | None = None

    def set(self, at: int) -> None:
        """See Alarm."""
        self.close()
        delay = at - self._clock()
        if delay <= 0:
            self._handle = self._loop.call_soon(self._ring)
        else:
            self._handle = self._loop.call_at(self._loop.time() + delay / NS, self._ring)

    def close(self) -> None:
        """See Alarm."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK_CLOEXEC: Final = 0o4000 | 0o2000000
_TFD_TIMER_ABSTIME: Final = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerfdAlarm:
    """A Linux timerfd on CLOCK_MONOTONIC. Raises OSError where there is none."""

    kind = "timerfd"

    def __init__(self, ring: Callable[[], None]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._ring = ring
        self._spec = _Itimerspec()
        self._reference = ctypes.byref(self._spec)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._fired)

    def set(self, at: int) -> None:
        """See Alarm."""
        # A time of zero would switch the timer off; one in the past rings at once.
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(max(1, at), NS)
        self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, self._reference, None)

    def _fired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        self._ring()

    def close(self) -> None:
        """See Alarm."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


def make_alarm(ring: Callable[[], None], clock: Clock) -> Alarm:
    """The most exact alarm there is for ``clock``."""
    if clock is monotonic_ns and sys.platform == "linux":
        try:
            return TimerfdAlarm(ring)
        except (OSError, AttributeError):
            pass  # an old or unusual libc
    return LoopAlarm(ring, clock)
