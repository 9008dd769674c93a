"""The Display that shows a run in browsers, beside the one that shows it in the terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from llmload.dashboard.frame import Frame
from llmload.dashboard.live import Display
from llmload.dashboard.view import Memory
from llmload.dashboard.web.address import Address
from llmload.dashboard.web.document import about, state
from llmload.dashboard.web.history import History
from llmload.dashboard.web.moment import Moment
from llmload.dashboard.web.server import Server
from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.summary import Summary
from llmload.outputs.base import Finished
from llmload.reports.html.page import render
from llmload.reports.result import Result
from llmload.scenario.plan import Plan

__all__ = ["Page", "WebDisplay", "served"]

_EVERY: Final = 1.0
"""Seconds from one Moment to the next."""
_MESSAGES: Final = 20
"""The newest, which are shown; in a terminal they scroll away, and fewer stay."""
_COSTS: Final = 10.0
"""The least distance between two, in times of the CPU seconds that one took."""


class Page:
    """One page for one or several runs, and their reports."""

    def __init__(self, address: Address, runs: int = 1) -> None:
        self.server: Final = Server(address)
        self.runs: Final = runs
        self._last: Moment | None = None

    def display(self, run: int, inner: Display, now: Callable[[], float] = time.monotonic) -> WebDisplay:
        """For one of the runs; ``inner`` shows it, too."""
        return WebDisplay(self, run, inner, now)

    def tell(self, moment: Moment) -> None:
        """Show this moment."""
        reports = self._last.reports if self._last is not None else ()
        self._last = replace(moment, reports=reports)
        self.server.tell(self._last)

    def ended(self, run: int, result: Result) -> None:
        """Show its report."""
        path = f"/report/{run}"
        self.server.keep(path, lambda: render(result))
        if self._last is not None:
            reports = (*self._last.reports, (run, result.verdict.decision.value, path))
            self._last = replace(self._last, reports=reports, changed=())
            self.server.tell(self._last)


@contextmanager
def served(page: Page) -> Iterator[Page]:
    """Raises OutputError where the address can't be had."""
    try:
        page.server.open()
        yield page
    finally:
        page.server.close()


class WebDisplay:
    """A Display, and by its ``lags`` an Output: lateness is not in the windows that a Summary keeps."""

    def __init__(self, page: Page, run: int, inner: Display, now: Callable[[], float]) -> None:
        self.lags: Final = _Lags(self)
        self.history: Final = History()
        self._page: Final = page
        self._run: Final = run
        self._inner: Final = inner
        self._now: Final = now
        self._memory: Final = Memory()
        self._due = 0.0
        self._told: tuple[str, str] = ("", "")
        self._about: Mapping[str, Any] = {}
        self._messages: deque[str] = deque(maxlen=_MESSAGES)

    def start(self) -> None:
        self._inner.start()

    def update(self, frame: Frame) -> None:
        self._inner.update(frame)
        told = (frame.stage, frame.phase)
        now = self._now()
        if now >= self._due or told != self._told:
            cpu = time.thread_time()
            self._tell(frame)
            self._told = told
            self._due = now + max(_EVERY, _COSTS * (time.thread_time() - cpu))

    def _tell(self, frame: Frame) -> None:
        changed = self.history.grow(frame.summary, over=frame.stage == "done")
        if frame.stage == "starting" or self._told[0] == "starting" or not self._about:
            self._about, changed = about(frame), None
        self._page.tell(
            Moment(
                run=self._run,
                runs=self._page.runs,
                about=self._about,
                state=state(replace(frame, messages=tuple(self._messages)), self._memory.digest(frame)),
                panels=self.history.panels,
                columns=self.history.columns,
                step=self.history.step,
                points=dict(self.history.points),
                changed=changed,
            )
        )

    def message(self, text: str) -> None:
        self._inner.message(text)
        self._messages.append(text)

    def stop(self) -> None:
        self._inner.stop()


class _Lags:
    """See WebDisplay."""

    name = "web"

    def __init__(self, display: WebDisplay) -> None:
        self._display: Final = display

    def start(self, plan: Plan) -> None: ...

    def update(self, delta: Summary, total: Summary) -> None:
        """The lateness of the calls that came in."""
        lag = delta.select(measured=False).histogram("schedule_lag")
        if lag.count:
            seconds = lag.percentile(99) * scale(METRICS["schedule_lag"])
            self._display.history.lag(total.elapsed, seconds)

    def finish(self, result: Finished | None) -> None: ...
