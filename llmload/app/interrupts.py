"""Ctrl-C and its kin: the first asks for an orderly end, the second for an immediate one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupts"]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_WORDS = {"SIGINT": "Ctrl-C"}


class Interrupts:
    """While entered, signals are counted instead of ending the process; in a thread that is not the main one they are
    left alone, since Python delivers them there only."""

    def __init__(self) -> None:
        self.count = 0
        self.reason = ""
        """What came first, in words; "" if nothing did."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for name in _NAMES if threading.current_thread() is threading.main_thread() else ():
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._came)
        return self

    def _came(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if not self.reason:
            name = signal.Signals(number).name
            self.reason = _WORDS.get(name, name)

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
