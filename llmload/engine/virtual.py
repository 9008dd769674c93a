"""An event loop whose time jumps: whenever everything waits, the clock moves to the next timer.

With the in-memory transport a scenario of an hour runs in a second, through the very engine that measures real ones.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from math import ceil
from typing import Any, TypeVar

from llmload.clock import NS

__all__ = ["VirtualLoop", "run_virtual"]

_T = TypeVar("_T")


class _JumpingSelector(selectors.DefaultSelector):
    """Polls without waiting; where it would have waited, it moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NS
        """Virtual ns; not 0, which means "never" in a Record."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("everything waits and no timer is set: virtual time can't go on")
        self.now += max(1, ceil(timeout * NS))
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """``clock`` gives its time in ns, consistent with ``time()`` in seconds."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now / NS

    def clock(self) -> int:
        """Virtual nanoseconds."""
        return self._jumping.now


def run_virtual(main: Callable[[VirtualLoop], Coroutine[Any, Any, _T]]) -> _T:
    """Run ``main(loop)`` to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(loop))
