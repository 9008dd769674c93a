"""What calls brought that is not in buckets yet, as flat arrays of integers: filling them costs the hot path
next to nothing, and numpy empties them into the buckets of all histograms at once."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from llmload.metrics.buckets import FINE, Counts, Ints, fold
from llmload.metrics.catalogue import METRICS, Unit

__all__ = ["SCALARS", "CallBatch", "GapBatch", "Head", "Part", "Stalled", "TripBatch"]

SCALARS: Final = tuple(metric for metric in METRICS.values() if metric.value is not None)
"""The metrics of which a call has one value, in the order of a row's columns."""

_NAMES: Final = tuple(METRICS)
_COLUMN: Final = np.array([_NAMES.index(metric.name) for metric in SCALARS])
_TIMES: Final = np.array([metric.unit is Unit.TIME for metric in SCALARS])
_ITL: Final = _NAMES.index("itl")
_ROUND_TRIP: Final = _NAMES.index("round_trip")
_STALL: Final = _NAMES.index("stall")
_NONE: Final = -(2**63)
_MAX_CALLS: Final = 256
_MAX_STAMPS: Final = 8192
"""Folding so many takes well under a millisecond, and arrays stay small enough to be reused by malloc."""


class Head(NamedTuple):
    """What a call's values are filed under: number of its cell, index of its population, and the second of the
    run in which it ended."""

    cell: int
    population: int
    second: int


class Part(NamedTuple):
    """Values (FINE buckets) of one metric, of calls alike."""

    head: Head
    metric: str
    counts: Counts


class Stalled(NamedTuple):
    """The stalls of one stream."""

    cell: int
    gaps: int
    ns: int


class CallBatch:
    """The scalar metrics of calls. ``full`` says when it is time to fold."""

    __slots__ = ("_calls", "_heads", "_values")

    def __init__(self) -> None:
        self._heads: dict[Head, int] = {}
        self._calls: array[int] = array("q")
        self._values: array[int] = array("q")

    def add(self, head: Head, values: Sequence[int | None]) -> None:
        """Take one call's values, one for each of SCALARS."""
        self._calls.append(self._heads.setdefault(head, len(self._heads)))
        self._values.extend([_NONE if value is None else value for value in values])

    @property
    def full(self) -> bool:
        """Whether it holds as much as it should."""
        return len(self._calls) >= _MAX_CALLS

    def fold(self) -> Iterator[Part]:
        """All it holds, in buckets."""
        table = np.array(self._values).reshape(-1, len(SCALARS))
        row, column = np.nonzero(table != _NONE)
        values = table[row, column]
        values = np.where(_TIMES[column], _micros(values), values)
        return _parts(values, np.array(self._calls)[row], _COLUMN[column], list(self._heads))


class TripBatch:
    """The round trips of messages. ``full`` says when it is time to fold."""

    __slots__ = ("_heads", "_lengths", "_of", "_values")

    def __init__(self) -> None:
        self._heads: dict[Head, int] = {}
        self._of: array[int] = array("q")
        self._lengths: array[int] = array("q")
        self._values: array[int] = array("q")

    def add(self, head: Head, trips: array[int]) -> None:
        """Take those of one socket."""
        self._of.append(self._heads.setdefault(head, len(self._heads)))
        self._lengths.append(len(trips))
        self._values.extend(trips)

    @property
    def full(self) -> bool:
        """Whether it holds as much as it should."""
        return len(self._values) >= _MAX_STAMPS

    def fold(self) -> Iterator[Part]:
        """All it holds, in buckets."""
        if self._values:
            heads = np.repeat(np.array(self._of), np.array(self._lengths))
            yield from _parts(_micros(np.array(self._values)), heads, _ROUND_TRIP, list(self._heads))


class GapBatch:
    """The content stamps of streams. ``full`` says when it is time to fold."""

    __slots__ = ("_heads", "_lengths", "_stamps", "_streams")

    def __init__(self) -> None:
        self._heads: dict[Head, int] = {}
        self._streams: array[int] = array("q")
        self._lengths: array[int] = array("q")
        self._stamps: array[int] = array("q")

    def add(self, head: Head, stamps: array[int]) -> None:
        """Take one stream."""
        if len(stamps) > 1:
            self._streams.append(self._heads.setdefault(head, len(self._heads)))
            self._lengths.append(len(stamps))
            self._stamps.extend(stamps)

    @property
    def full(self) -> bool:
        """Whether it holds as much as it should."""
        return len(self._stamps) >= _MAX_STAMPS

    def fold(self, stall: int) -> Iterator[Part | Stalled]:
        """All gaps, in buckets; those longer than ``stall`` ns once more, as stalls."""
        heads, streams, lengths = list(self._heads), np.array(self._streams), np.array(self._lengths)
        inside = np.ones(max(0, len(self._stamps) - 1), np.bool_)
        inside[np.cumsum(lengths)[:-1] - 1] = False
        gaps = np.diff(np.array(self._stamps))[inside]
        micros = _micros(gaps)
        yield from _parts(micros, np.repeat(streams, lengths - 1), _ITL, heads)
        long = np.flatnonzero(gaps > stall)
        if len(long):
            which = np.repeat(np.arange(len(lengths)), lengths - 1)[long]
            yield from _parts(micros[long], streams[which], _STALL, heads)
            for stream in np.unique(which).tolist():
                mine = gaps[long[which == stream]]
                yield Stalled(heads[streams[stream]].cell, len(mine), int(mine.sum()))


def _micros(ns: Ints) -> Ints:
    return (ns + 500) // 1000


def _parts(values: Ints, heads: Ints, metrics: Ints | int, names: list[Head]) -> Iterator[Part]:
    """Values in buckets, by head (an index of ``names``) and metric (an index of METRICS)."""
    for group, counts in fold(values, heads * len(_NAMES) + metrics, FINE):
        head, metric = divmod(group, len(_NAMES))
        yield Part(names[head], _NAMES[metric], counts)
