"""The error tree of llmload.

    LlmloadError            base of everything this package raises on purpose
    +- UsageError           the user's mistake: exit status 2
    |  +- ScenarioError     one or more problems in a scenario, each with its place
    |  +- ResultError       a result file that can't be read
    +- InterruptedRun       somebody stopped the run before it began: exit status 130
    +- OutOfDescriptors     this machine lets the process open no more files: exit status 3
    +- UnreachableError     a target that could not be reached before the run: exit status 4
    +- OutputError          a place we were asked to write to can't be written: exit status 2
    +- DecodeError          bytes from a target that break their own format

A target that answers badly during a run is not an error: it is data (``records.Outcome``).
Any other exception that reaches the top is a bug of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "DecodeError",
    "ExitStatus",
    "InterruptedRun",
    "LlmloadError",
    "OutOfDescriptors",
    "OutputError",
    "Problem",
    "ResultError",
    "ScenarioError",
    "UnreachableError",
    "UsageError",
]


class ExitStatus(IntEnum):
    """What the process's exit status means."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INVALID = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


class LlmloadError(Exception):
    """Base class; ``status`` is the exit status the command line ends with."""

    status = ExitStatus.USAGE


class UsageError(LlmloadError):
    """A mistake of the user's; the message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place.

    ``line`` and ``column`` count from 1; ``line`` is 0 where the place is not a file (``--set``).
    """

    what: str
    key: str = ""
    source: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.source, self.line, self.column) if part)
        head = f"{place}: " if place else ""
        key = f"{self.key}: " if self.key else ""
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"{head}{key}{self.what}{hint}"


class ScenarioError(UsageError):
    """A scenario that can't be run; ``problems`` holds every one that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class ResultError(UsageError):
    """A result file that is missing, damaged, or of a version we don't read."""


class OutputError(UsageError):
    """A file or stream we were asked to write can't be written."""


class InterruptedRun(LlmloadError):
    """Somebody stopped the run before anything was sent."""

    status = ExitStatus.INTERRUPTED


class OutOfDescriptors(LlmloadError):
    """The process may open no more files, pipes and sockets, and can't go on without."""

    status = ExitStatus.INVALID


class UnreachableError(LlmloadError):
    """A target could not be reached at all before the run began."""

    status = ExitStatus.UNREACHABLE


class DecodeError(LlmloadError):
    """Bytes from a target that break the format they claim to be in."""
