"""A known load on the simulator's own process, to hold against what others read of it.

CPU: threads work as long as the process has used less of its time than it is meant to, by the kernel's own count, so
that answering requests is part of the wished share and not beside it. What they do (hashing) needs no interpreter lock:
answers are not held up. Memory: bytes that are written once, so that they are resident.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from typing import Final

from llmload.clock import NS, monotonic_ns
from llmload.sim.spec import BurdenSpec

__all__ = ["Burden"]

_PIECE: Final = bytes(256 * 1024)
"""Hashed at one go: a tenth of a millisecond to one."""
_PAUSE: Final = 0.005
"""Between two looks at the time used (s)."""
_LOOK: Final = 0.1
"""Between two looks at when the run begins (s)."""


class Burden:
    """Weighs on this process from ``start`` to ``stop``."""

    def __init__(self, spec: BurdenSpec) -> None:
        self._spec: Final = spec
        self._over: Final = threading.Event()
        self._begin_at = 0
        self._held = b""

    def begin(self, at: int) -> None:
        """The run begins at ``at`` (monotonic ns): memory is taken ``after`` that, and not after the start."""
        self._begin_at = at

    def start(self) -> None:
        """Begin to work."""
        self.begin(monotonic_ns())
        workers = math.ceil(self._spec.cores)
        for job in [lambda: self._burn(workers)] * workers + [self._hold] * bool(self._spec.memory):
            threading.Thread(target=job, daemon=True).start()

    def stop(self) -> None:
        """Let go."""
        self._over.set()
        self._held = b""

    def _burn(self, workers: int) -> None:
        since, used = time.monotonic(), time.process_time()
        while not self._over.wait(_PAUSE):
            wished = self._spec.cores * (time.monotonic() - since)
            behind = (wished - (time.process_time() - used)) / workers
            until = time.thread_time() + min(behind, 1.0)
            while time.thread_time() < until and not self._over.is_set():
                hashlib.sha256(_PIECE)

    def _hold(self) -> None:
        while (left := self._begin_at / NS + self._spec.after - monotonic_ns() / NS) > 0:
            if self._over.wait(min(left, _LOOK)):
                return
        self._held = b"x" * self._spec.memory
