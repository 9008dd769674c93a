"""How one answer departs from a good one: what faults write, and an answer carries out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Cue", "Script", "Stage"]


class Stage(Protocol):
    """What a fault can do to an answer; streams and whole bodies each do it in their own way."""

    def refuse(self, status: int, message: str, code: str) -> None:
        """Answer an error in place of the answer."""

    def hang(self) -> None:
        """Never answer; the connection stays open."""

    def open(self) -> None:
        """Send the head of the answer now, if it is not out yet."""

    def reset(self) -> None:
        """Reset the connection (RST), whatever was sent before."""

    def cut(self, done: bool, clean: bool) -> None:
        """End what has been sent so far: with the end mark or not, with a properly ended body or not."""

    def silence(self, seconds: float | None, ping: float) -> None:
        """Send nothing for a time (None: ever), but a comment every ``ping`` seconds if that is not 0."""

    def fail(self, code: str, message: str, named: bool) -> None:
        """Report an error inside the answer and end it; ``named``: as ``event: error``."""

    def garble(self) -> None:
        """Make what is sent next break its own format."""

    def swap(self, tokens: int) -> None:
        """Send what belongs to another answer in place of the next tokens."""

    def blank(self) -> None:
        """Answer 200 with nothing in it."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Do ``action`` once ``after`` tokens are out; ``kind`` names the fault in the truth log."""

    after: int
    kind: str
    action: Callable[[Stage], None]


@dataclass(slots=True)
class Script:
    """How one answer departs from a good one; the empty script is a good answer."""

    instead: Cue | None = None
    """What happens in place of the whole answer."""
    cues: list[Cue] = field(default_factory=list)
    """What happens after so many tokens, in that order."""
    slowed: str = ""
    """Kind of the fault that delays the answer, for the truth log."""
    factor: float = 1.0
    """Stretches the time of everything sent, counted from the arrival of the request."""
    first: float = 0.0
    """Seconds added before the first token (or a whole body)."""
    token: float = 0.0
    """Seconds added before every further token."""
    cold: bool = False
    """The prompt cache is of no use to it."""
    reading: tuple[float, float] = (0.0, 0.0)
    """Seconds added before the first token for 1000 prompt tokens: in proportion to them, and to their square."""
    lookup: float = 0.0
    """Seconds that looking up the key takes beyond what it should."""
    leaks: bool = False
    """The connection over which the key was looked up is lost."""
    limited: int = 429
    """The status given to a request over its rate limit."""
    unseen: float = 0.0
    """Seconds of ``first`` that the server knows nothing of, and leaves out of its own processing time."""
    instance: int | None = None
    """Which instance takes it, if not any."""

    age: float = 0.0
    """Seconds for which the fault that is being planted has been going on."""
    outages: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Providers that fail it: with which status, and after how many seconds."""
    switching: float = 0.0
    """Seconds that the gateway needs beyond its own to take the fallback."""
    alone: bool = False
    """There is no way to the fallback."""
    unbroken: bool = False
    """Its failure does not count for the circuit breaker."""
    wait: float = 0.0
    """Seconds before what happens in place of the answer."""
    borrowed: float = 0.0
    """Share of its embeddings work that is taken from those who get text."""
    keeps: bool = False
    """Its slots are not given back."""
    hoard: int = 0
    """Bytes that the service keeps of it for good."""
    hoard_most: int = 0
    """Unless it keeps so many already."""

    block: float = 0.0
    """Seconds for which it keeps the loop to itself."""

    def reading_time(self, tokens: int) -> float:
        """Seconds that reading a prompt takes beyond what it should."""
        linear, square = self.reading
        return linear * tokens / 1000 + square * (tokens / 1000) ** 2

    def replace(self, kind: str, action: Callable[[Stage], None]) -> None:
        """Plant what happens in place of the answer; of several the first one wins."""
        self.instead = self.instead or Cue(0, kind, action)

    def after(self, tokens: int, kind: str, action: Callable[[Stage], None]) -> None:
        """Plant what happens after so many tokens."""
        self.cues.append(Cue(tokens, kind, action))
        self.cues.sort(key=lambda cue: cue.after)
