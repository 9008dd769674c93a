"""Shows Frames on stderr while a run goes on: a picture in a terminal, a line now and then elsewhere, or nothing.

The caller drives every display; none has a thread. Whatever happens to stderr, the run goes on: a display that can't
write any more falls silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from llmload.dashboard import plain
from llmload.dashboard.canvas import safe, to_ascii
from llmload.dashboard.frame import Frame
from llmload.dashboard.view import Memory, render

__all__ = [
    "Display",
    "LiveDisplay",
    "Mode",
    "PlainDisplay",
    "QuietDisplay",
    "choose_display",
    "shown",
    "stderr_console",
]

Mode = Literal["auto", "live", "plain", "quiet"]

_FRAMES_PER_SECOND: Final = 4.0
_LINE_EVERY: Final = 5.0
"""Seconds between two lines of a PlainDisplay."""
_GONE: Final = (OSError, ValueError)
"""What writing to a stream raises that is broken (BrokenPipeError is an OSError) or closed (ValueError)."""


class Display(Protocol):
    """Where a run shows itself. ``start`` first, ``stop`` last and in every case; both may be called twice."""

    def start(self) -> None: ...

    def update(self, frame: Frame) -> None:
        """Show this moment; cheap to call more often than anything is drawn."""

    def message(self, text: str) -> None:
        """Something the user should know, once; stays visible."""

    def stop(self) -> None:
        """Leave the terminal as it was found, with the last picture above the prompt."""


class _Console(Console):
    """Lets a broken pipe be an exception, where Rich would redirect stdout and end the process."""

    def on_broken_pipe(self) -> None:
        raise


def stderr_console() -> Console:
    """The console displays are made for; respects NO_COLOR, FORCE_COLOR, TERM=dumb."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def choose_display(console: Console, mode: Mode = "auto") -> Display:
    """The display for a mode; "auto" draws where there is a terminal that can move its cursor."""
    if mode == "quiet":
        return QuietDisplay()
    if mode == "live" or (mode == "auto" and console.is_terminal and not console.is_dumb_terminal):
        return LiveDisplay(console)
    return PlainDisplay(console)


@contextmanager
def shown(display: Display) -> Iterator[Display]:
    """Start and, whatever happens, stop."""
    display.start()
    try:
        yield display
    finally:
        display.stop()


def _print(console: Console, text: str) -> None:
    """One line as it is: no markup, no wrapping."""
    console.print(Text(to_ascii(text) if console.options.ascii_only else text), soft_wrap=True)


class QuietDisplay:
    """Shows nothing."""

    def start(self) -> None: ...

    def update(self, frame: Frame) -> None: ...

    def message(self, text: str) -> None: ...

    def stop(self) -> None: ...


class PlainDisplay:
    """One line every few seconds, and one whenever the stage or the phase changes: for logs and pipes."""

    def __init__(self, console: Console, every: float = _LINE_EVERY, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._every = every
        self._now = now
        self._next = 0.0
        self._last: tuple[str, str] = ("", "")
        self._memory = Memory()
        self._gone = False

    def start(self) -> None: ...

    def update(self, frame: Frame) -> None:
        now = self._now()
        if now < self._next and (frame.stage, frame.phase) == self._last:
            return
        self._last, self._next = (frame.stage, frame.phase), now + self._every
        self._print(plain.line(frame, self._memory))

    def message(self, text: str) -> None:
        self._print(safe(text))

    def stop(self) -> None: ...

    def _print(self, text: str) -> None:
        if self._gone:
            return
        try:
            _print(self._console, text)
        except _GONE:
            self._gone = True


class LiveDisplay:
    """The whole picture, drawn again in place a few times a second, as large as the terminal is at that moment."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._next = 0.0
        self._live: Live | None = None
        self._size = console.size
        self._frame: Frame | None = None
        self._drawn = True
        self._memory = Memory()
        self._gone = False

    def start(self) -> None:
        if self._live is None:
            self._guarded(self._begin)

    def update(self, frame: Frame) -> None:
        now = self._now()
        self._frame, self._drawn = frame, False
        if now >= self._next or frame.stage == "done":
            self._next = now + 1 / _FRAMES_PER_SECOND
            self._guarded(self._draw)

    def message(self, text: str) -> None:
        self._guarded(lambda: _print(self._console, safe(text)))

    def stop(self) -> None:
        if self._live is None:
            return
        if not self._drawn:
            self._guarded(self._draw)
        self._guarded(self._end)

    def _begin(self) -> None:
        # Output of the run may go to stdout, and stdout be a pipe: it must never pass through here.
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._live.start()

    def _end(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _draw(self) -> None:
        if self._live is None or self._frame is None:
            return
        if self._console.size != self._size:
            self._resize()
        width, height = self._size
        # A line less than there are: the prompt that follows the last picture must not push its title away.
        self._live.update(render(self._frame, width, height - 1, self._memory), refresh=True)
        self._drawn = True

    def _resize(self) -> None:
        """A terminal that changed its width has wrapped what was drawn: begin anew on a clean screen."""
        self._size = self._console.size
        if self._live is not None:
            self._live.transient = True
            self._end()
        self._console.clear()
        self._begin()

    def _guarded(self, act: Callable[[], object]) -> None:
        """Do it unless stderr is gone; if it goes now, undo what can be undone and fall silent."""
        if self._gone:
            return
        try:
            act()
        except _GONE:
            self._gone = True
            try:
                self._end()
            except _GONE:
                pass
