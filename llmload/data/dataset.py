"""A data set: a surveyed file and how its rows are read; entry k of it, in any process and any order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from llmload.data.entry import Entry
from llmload.data.formats import FORMATS, Format, Shape, columns_of
from llmload.data.rows import DataFile, Rows, first_sign, survey
from llmload.errors import Problem, ScenarioError

__all__ = ["DataSet", "DataSpec", "cut_of", "data_set", "open_data", "sample"]

Order = Literal["random", "sequential"]
_SAMPLE: Final = 1000


@dataclass(frozen=True, slots=True)
class DataSpec:
    """A data set as a Plan holds it. ``template``: how a prompt is made of a CSV row. ``order``: entries come at
    random (seeded; each once, then all again in another order), or one after the other by the number of the call and
    then again from the first."""

    file: DataFile
    format: str
    template: str = ""
    order: Order = "random"

    @property
    def talks(self) -> bool:
        """Whether its rows are conversations, which can be played turn by turn."""
        return FORMATS[self.format].talks


class DataSet:
    """Entries by number. One that is empty is stood in for by the next that is not."""

    def __init__(self, spec: DataSpec) -> None:
        self._rows = Rows(spec.file)
        self._read = FORMATS[spec.format].read
        self._shape = Shape(spec.file.columns, spec.template)

    def __len__(self) -> int:
        return len(self._rows)

    def entry(self, number: int) -> Entry:
        """Entry ``number`` of ``len``; numbers beyond begin again."""
        count = len(self._rows)
        for step in range(count):
            entry = self._read(self._rows.row((number + step) % count), self._shape)
            if entry is not None:
                return entry
        raise ValueError("every entry is empty")


@lru_cache(maxsize=64)
def data_set(spec: DataSpec) -> DataSet:
    """The data set of ``spec``, opened once per process. ScenarioError where its file is gone or has changed."""
    return DataSet(spec)


def open_data(path: Path, format: str, template: str = "", order: Order = "random") -> DataSpec:
    """Go through a file once: every row is read and checked. Raises ScenarioError that names file and line."""
    usable = 0
    shape = Shape((), template)
    kind = FORMATS[format]

    def head(row: bytes) -> tuple[str, ...]:
        nonlocal shape
        shape = Shape(columns_of(row), template)
        return shape.columns

    def check(row: bytes) -> None:
        nonlocal usable
        usable += kind.read(row, shape) is not None

    known = survey(path, cut_of(path, kind), check, head if kind.headed else None)
    if not usable:
        raise ScenarioError([Problem("nothing is asked in any of its rows", source=str(path))])
    return DataSpec(known, format, template, order)


def cut_of(path: Path, kind: Format) -> str:
    """How the rows of ``path`` are cut: one JSON list is told from lines by its first sign."""
    if kind.cut != "json":
        return kind.cut
    return "objects" if first_sign(path) == b"[" else "lines"


def sample(spec: DataSpec) -> Iterator[Entry]:
    """Up to a thousand entries, evenly spaced over the file."""
    entries = data_set(spec)
    count = min(_SAMPLE, len(entries))
    return (entries.entry(number * len(entries) // count) for number in range(count))
