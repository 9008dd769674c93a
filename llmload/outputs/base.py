"""What a live output is: something that owns a file, a socket or a timer while a run goes on.

The parent process drives it: ``start`` before the first request, ``update`` for every delta that comes in
(about twice a second), ``finish`` once at the end. None of these may block for long or raise because of what
the place written to does in mid-run: trouble there is counted, told once through ``messages``, and the run goes on.

What only some outputs need is a protocol of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from llmload.metrics.summary import Summary
from llmload.records import Record
from llmload.scenario.plan import Plan
from llmload.verdict.judge import Judgement
from llmload.verdict.validity import Validity

__all__ = ["Finished", "Judges", "Lingers", "Output", "RecordSink", "Speaks", "Traces"]


class Finished(Protocol):
    """What an output learns at the end: the parts of a Result that it may look at."""

    @property
    def summary(self) -> Summary: ...
    @property
    def judgements(self) -> Sequence[Judgement]: ...
    @property
    def validity(self) -> Validity: ...
    @property
    def interrupted(self) -> str: ...


@runtime_checkable
class Output(Protocol):
    """One live output; used for one run."""

    name: str
    """Short and unique, for messages: ``requests``."""

    def start(self, plan: Plan) -> None:
        """Get ready to write; raises ``OutputError`` when that can't work, so that the run never begins."""

    def update(self, delta: Summary, total: Summary) -> None:
        """``delta`` came in since the last call, ``total`` is everything so far; neither may be kept or changed."""

    def finish(self, result: Finished | None) -> None:
        """Write what is left and let go of everything; None when the run came to no result. May be called twice."""


@runtime_checkable
class RecordSink(Protocol):
    """An output that wants every finished call, as encoded lines.

    ``lost``: how many it could not keep; final once it has been finished.
    """

    lost: int

    def records(self, lines: bytes) -> None:
        """Take whole lines (each ends in a newline) without ever blocking."""

    def finish(self, result: Finished | None) -> None:
        """See Output; before there is a result, which says what was lost."""


@runtime_checkable
class Traces(Protocol):
    """An output that wants the finished calls whose trace is sampled."""

    def traced(self, calls: Sequence[Record], left_out: int, start: int, wall: float) -> None:
        """What came in since the last time, few enough to be looked at each; ``left_out``: how many more there were.
        ``start``: monotonic ns at which the run began, ``wall``: the same in s since 1970. Must not block."""


@runtime_checkable
class Judges(Protocol):
    """An output that wants to know how the objectives stand while the run goes on."""

    def judged(self, judgements: Sequence[Judgement], validity: Validity) -> None:
        """About once a second."""


@runtime_checkable
class Lingers(Protocol):
    """An output that others come to fetch from: between the end of the run and ``finish`` they are given time to."""

    name: str

    def end(self, result: Finished) -> None:
        """Show how the run ended."""

    def awaited(self) -> float:
        """Seconds to wait at most for somebody who has not fetched that yet; 0: nobody is waited for."""


@runtime_checkable
class Speaks(Protocol):
    """An output that may have something to tell the user."""

    def messages(self) -> list[str]:
        """What happened since this was last called; each line safe to print."""
