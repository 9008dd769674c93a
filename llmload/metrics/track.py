"""Who served when: of the values of one label that answers carry, which served and which failed in every moment.

A window says how many calls failed in a second; to say how long it took until another server answered in place of one
that failed, the order of single calls is needed. A Track keeps, for short bins and each value, how many calls went well
and how many failed, and when the first and the last of both was: a few numbers, which add up exactly. A call that went
well counts when its answer began, a failed one when the failure was known. Failed calls without an answer, and answers
without the label, stand under "".
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Any, Final

from llmload.clock import NS
from llmload.records import Record

__all__ = ["BIN", "MAX_BINS", "Track", "Turn", "tell"]

BIN: Final = NS // 8
"""The narrowest bin, ns."""
MAX_BINS: Final = 7200
"""Beyond so many, bins become twice as wide."""


@dataclass(slots=True)
class Turn:
    """What became of one value's calls in one bin. Times are ns since the start of the run; -1: none."""

    ok: int = 0
    failed: int = 0
    first_ok: int = -1
    last_ok: int = -1
    first_failed: int = -1
    last_failed: int = -1

    def add(self, failed: bool, t: int) -> None:
        """A call came to that at ``t``."""
        self.merge(Turn(0, 1, -1, -1, t, t) if failed else Turn(1, 0, t, t))

    def merge(self, other: Turn) -> None:
        """Add what another part of the run saw."""
        self.ok += other.ok
        self.failed += other.failed
        self.first_ok = _earlier(self.first_ok, other.first_ok)
        self.last_ok = max(self.last_ok, other.last_ok)
        self.first_failed = _earlier(self.first_failed, other.first_failed)
        self.last_failed = max(self.last_failed, other.last_failed)


def _earlier(a: int, b: int) -> int:
    return min(a, b) if a >= 0 and b >= 0 else max(a, b)


@dataclass(slots=True)
class Track:
    """``bins``: number (from the start of the run, ``width`` ns each) -> value -> Turn."""

    width: int = BIN
    bins: dict[int, dict[str, Turn]] = field(default_factory=dict)

    def add(self, value: str, failed: bool, t: int) -> None:
        """A call of ``value`` came to an end, ``t`` ns after the start of the run."""
        number = max(0, t) // self.width
        while number >= MAX_BINS:
            self._widen(2 * self.width)
            number = max(0, t) // self.width
        self.bins.setdefault(number, {}).setdefault(value, Turn()).add(failed, max(0, t))

    def merge(self, other: Track) -> None:
        """Add another part of the same run; in any order and grouping the same sum."""
        self._widen(max(self.width, other.width))
        for number, turns in other.bins.items():
            here = self.bins.setdefault(number * other.width // self.width, {})
            for value, turn in turns.items():
                here.setdefault(value, Turn()).merge(turn)

    def _widen(self, width: int) -> None:
        if width == self.width:
            return
        narrow = Track(self.width, self.bins)
        self.width, self.bins = width, {}
        self.merge(narrow)

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order: of each bin and value a row, in the order of a Turn's fields."""
        rows = [
            [number, value, *astuple(turn)]
            for number, turns in sorted(self.bins.items())
            for value, turn in sorted(turns.items())
        ]
        return {"width": self.width, "turns": rows}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Track:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        made = cls(int(data["width"]))
        for number, value, *figures in data["turns"]:
            made.bins.setdefault(int(number), {})[str(value)] = Turn(*map(int, figures))
        return made


def tell(tracks: dict[str, Track], labels: tuple[str, ...], record: Record, start: int) -> None:
    """Enter a call, or one attempt of it, into the tracks of these labels; one that came to no end has no place."""
    failed = record.outcome.error
    if not failed and not record.outcome.good:
        return
    t = record.end if failed else record.first_byte or record.headers or record.end
    values = dict(record.labels)
    for label in labels:
        tracks.setdefault(label, Track()).add(values.get(label, ""), failed, t - start)
