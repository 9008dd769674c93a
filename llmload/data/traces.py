"""Traces: what was asked when, and how long questions and answers were. One row at a time, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from llmload.data.formats import columns_of, fields_of, object_of
from llmload.data.rows import DataFile, Rows, scan, survey

__all__ = ["TRACES", "Trace", "TraceFormat", "TraceRow", "open_trace", "trace_rows"]

_BINS: Final = 1024
_NS: Final = 1_000_000_000
_MOONCAKE_BLOCK: Final = 512
"""Tokens of a block of Mooncake's traces ("Mooncake: A KVCache-centric disaggregated architecture for LLM serving")."""
_MOST_UNSORTED: Final = 5_000_000
"""Rows of a log that isn't in the order of its times; their places are held in memory."""


class TraceRow(NamedTuple):
    """When (ns, from wherever the trace counts) how many tokens were asked and answered. ``blocks``: what identifies
    each block of the prompt, from its beginning; prompts that begin with the same ones begin alike."""

    at: int
    input: int
    output: int
    blocks: tuple[int, ...] = ()


class TraceFormat(NamedTuple):
    """``quantum``: seconds that published stamps are rounded to, which a replay spreads them over. ``block``: tokens of
    a block, where rows have some."""

    cut: str
    read: Callable[[bytes, Mapping[str, int]], TraceRow]
    quantum: float = 0.0
    headed: bool = False
    sorted: bool = True
    block: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that was gone through: ``first`` and ``last`` stamp (ns), the means of its lengths, and how many arrivals
    fall into each stretch of ``width`` ns from the first stamp on. ``block``: tokens of the blocks that prompts share,
    0 where none are."""

    file: DataFile
    format: str
    first: int
    last: int
    input_mean: float
    output_mean: float
    width: int
    counts: tuple[int, ...] = field(repr=False, hash=False)
    block: int = 0

    @property
    def rows(self) -> int:
        """How many arrivals."""
        return self.file.rows


def _azure(row: bytes, columns: Mapping[str, int]) -> TraceRow:
    fields = _cells(row, columns)
    stamp = fields[columns["TIMESTAMP"]]
    try:
        # Seven digits of a second, of which the last is no more than Python reads; then perhaps a zone.
        at = datetime.fromisoformat(stamp[:26])
    except ValueError:
        raise ValueError(f"{stamp[:40]!r} is no time; write it like 2023-11-16 18:17:03.9799600") from None
    return TraceRow(
        round(at.replace(tzinfo=UTC).timestamp() * 1e6) * 1000,
        _tokens(fields[columns["ContextTokens"]]),
        _tokens(fields[columns["GeneratedTokens"]]),
    )


def _burstgpt(row: bytes, columns: Mapping[str, int]) -> TraceRow:
    fields = _cells(row, columns)
    return TraceRow(
        _seconds(fields[columns["Timestamp"]]),
        _tokens(fields[columns["Request tokens"]]),
        _tokens(fields[columns["Response tokens"]]),
    )


def _mooncake(row: bytes, columns: Mapping[str, int]) -> TraceRow:
    value = object_of(row)
    asked = _tokens(value.get("input_length"))
    return TraceRow(
        _seconds(value.get("timestamp"), 1e6), asked, _tokens(value.get("output_length")),
        _blocks(value.get("hash_ids"), -(-asked // _MOONCAKE_BLOCK)),
    )  # fmt: skip


def _own_log(row: bytes, columns: Mapping[str, int]) -> TraceRow:
    value = object_of(row)
    return TraceRow(
        _seconds(value.get("planned")),
        _tokens(value.get("input_tokens") or 0),
        _tokens(value.get("output_tokens") or 0),
    )


def _cells(row: bytes, columns: Mapping[str, int]) -> list[str]:
    fields = fields_of(row) if b'"' in row else row.decode("utf-8", "replace").rstrip("\r\n").split(",")
    if len(fields) != len(columns):
        raise ValueError(f"has {len(fields)} fields where the head has {len(columns)}")
    return fields


def _seconds(value: Any, unit: float = _NS) -> int:
    try:
        at = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{str(value)[:40]!r} is no time; a number is expected") from None
    if not abs(at) < 1e12:
        raise ValueError(f"{str(value)[:40]!r} is no time; a number is expected")
    return round(at * unit)


def _tokens(value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        count = -1
    if not 0 <= count <= 10_000_000:
        raise ValueError(f"{str(value)[:40]!r} is no number of tokens")
    return count


def _blocks(value: Any, most: int) -> tuple[int, ...]:
    """The numbers of at most so many blocks."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(type(number) is int for number in value):
        raise ValueError("its hash_ids are no list of whole numbers")
    return tuple(value[:most])


TRACES: Final[Mapping[str, TraceFormat]] = {
    "azure": TraceFormat("lines", _azure, headed=True),
    "burstgpt": TraceFormat("lines", _burstgpt, quantum=1.0, headed=True),
    "mooncake": TraceFormat("lines", _mooncake, quantum=3.0, block=_MOONCAKE_BLOCK),
    "llmload": TraceFormat("lines", _own_log, sorted=False),
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "azure": ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    "burstgpt": ("Timestamp", "Request tokens", "Response tokens"),
}


class _Tally:
    """What a pass over the rows finds: order, means, and counts in stretches that double when there are too many."""

    def __init__(self, format: str) -> None:
        self._format = format
        self._sorted = TRACES[format].sorted
        self.columns: dict[str, int] = {}
        self.first = self.last = self.rows = self.input = self.output = 0
        self.width = _NS
        self.counts: list[int] = []
        self.stamps: array[int] = array("q")

    def head(self, row: bytes) -> tuple[str, ...]:
        names = columns_of(row)
        missing = [name for name in _NEEDED[self._format] if name not in names]
        if missing:
            raise ValueError(f"there is no column {missing[0]!r}; its columns are {', '.join(names)[:200]}")
        self.columns = {name: place for place, name in enumerate(names)}
        return names

    def check(self, row: bytes) -> None:
        found = TRACES[self._format].read(row, self.columns)
        if not self._sorted:
            if len(self.stamps) == _MOST_UNSORTED:
                raise ValueError(f"is a row too many; a log of at most {_MOST_UNSORTED:,} requests can be replayed")
            self.stamps.append(found.at)
        elif not self.rows:
            self.first = self.last = found.at
        elif found.at < self.last:
            raise ValueError("goes back in time; a trace is in the order of its times")
        self.rows += 1
        self.input += found.input
        self.output += found.output
        if self._sorted:
            self.count(found.at)

    def count(self, at: int) -> None:
        self.last = at
        place = (at - self.first) // self.width
        while place >= _BINS:
            self.width *= 2
            place //= 2
            odd = [*self.counts, 0] if len(self.counts) % 2 else self.counts
            self.counts = [a + b for a, b in zip(odd[::2], odd[1::2], strict=True)]
        self.counts += [0] * (place + 1 - len(self.counts))
        self.counts[place] += 1


def open_trace(path: Path, format: str, limit: int | None = None) -> Trace:
    """Go through a trace once, or through its first ``limit`` rows. Raises ScenarioError that names file and line."""
    kind, tally = TRACES[format], _Tally(format)
    known = survey(path, kind.cut, tally.check, tally.head if kind.headed else None, limit)
    if not kind.sorted:
        order = sorted(range(known.rows), key=tally.stamps.__getitem__)
        known = _in_order(path, known, order)
        tally.first = tally.stamps[order[0]]
        for row in order:
            tally.count(tally.stamps[row])
    return Trace(
        known, format, tally.first, tally.last, tally.input / tally.rows, tally.output / tally.rows, tally.width,
        tuple(tally.counts), kind.block,
    )  # fmt: skip


def _in_order(path: Path, known: DataFile, order: list[int]) -> DataFile:
    """The same file with the place of every row, in another order."""
    starts, lines = array("q"), array("q")
    for found, _ in zip(scan(path, known.cut), order, strict=False):
        starts.append(found.offset)
        lines.append(found.line)
    return known.sorted_by(array("q", (starts[row] for row in order)), array("q", (lines[row] for row in order)))


class _Reader:
    """Rows of a trace by number."""

    def __init__(self, trace: Trace) -> None:
        self._rows = Rows(trace.file)
        self._read = TRACES[trace.format].read
        self._columns = {name: place for place, name in enumerate(trace.file.columns)}

    def row(self, number: int) -> TraceRow:
        """Row ``number``, from 0."""
        return self._read(self._rows.row(number), self._columns)


@lru_cache(maxsize=16)
def trace_rows(trace: Trace, use: str = "lengths") -> _Reader:
    """The rows of ``trace``, opened once per process and ``use``: each goes forwards at its own pace."""
    return _Reader(trace)
