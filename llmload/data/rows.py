"""Any row of a file by its number, in bounded memory: where every n-th row begins is known, the rest is walked.

``survey`` goes through a file once, lets each row be checked, and gives a ``DataFile``: at most ``_PLACES`` places,
whatever the size of the file, so that it can be part of a Plan. ``Rows`` reads the rows again, in any process. A file
named ``.gz`` is unpacked into a nameless temporary file for that, since a packed one can't be entered in the middle.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tempfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final, cast
from weakref import finalize

from llmload.data.cut import CUTTERS, Cut, RowError
from llmload.errors import Problem, ScenarioError

__all__ = ["DataFile", "Rows", "first_sign", "scan", "survey"]

_PLACES: Final = 1 << 16
_BOM: Final = b"\xef\xbb\xbf"
_UNREADABLE: Final = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that was gone through: ``size`` (bytes) and ``digest`` (SHA-256, hex) as found on disk, how it is ``cut``
    and how many ``rows`` it has. ``starts`` and ``lines``: offset and line of every ``stride``-th row, as arrays of 64
    bits. ``columns``: the names in its head, if it has one."""

    path: str
    cut: str
    size: int
    digest: str
    rows: int
    stride: int
    starts: bytes = field(repr=False, hash=False)
    lines: bytes = field(repr=False, hash=False)
    columns: tuple[str, ...] = ()

    def sorted_by(self, starts: array[int], lines: array[int]) -> DataFile:
        """The same rows in another order, the place of each of them given."""
        return replace(self, stride=1, starts=starts.tobytes(), lines=lines.tobytes())


@dataclass(slots=True)
class _Index:
    """Places while they are collected: when there are too many, every other one is let go."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    stride: int = 1
    rows: int = 0

    def add(self, cut: Cut) -> None:
        if self.rows % self.stride == 0:
            if len(self.starts) == _PLACES:
                del self.starts[1::2]
                del self.lines[1::2]
                self.stride *= 2
            self.starts.append(cut.offset)
            self.lines.append(cut.line)
        self.rows += 1


def survey(
    path: Path,
    cut: str,
    check: Callable[[bytes], object],
    head: Callable[[bytes], tuple[str, ...]] | None = None,
    limit: int | None = None,
) -> DataFile:
    """Go through a file. ``head`` reads its first row, if that holds names; ``check`` is given each other row, and
    says with a ValueError ("what; what would be right") that it is bad. ``limit``: no more rows than that.

    Raises ScenarioError that names file and line.
    """
    index = _Index()
    columns: tuple[str, ...] = ()
    try:
        size, digest = path.stat().st_size, _digest(path)
        for found in scan(path, cut):
            if head is not None:
                columns, head = head(found.row), None
                continue
            check(found.row)
            index.add(found)
            if index.rows == limit:
                break
    except _UNREADABLE as error:
        raise _problem(path, 0, f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    except RowError as error:
        raise _problem(path, error.line, str(error)) from None
    except ValueError as error:
        raise _problem(path, found.line, str(error)) from None
    if not index.rows:
        raise _problem(path, 0, "has no rows in it")
    return DataFile(
        str(path), cut, size, digest, index.rows, index.stride, index.starts.tobytes(), index.lines.tobytes(), columns
    )


def scan(path: Path, cut: str) -> Iterator[Cut]:
    """Every row from the first to the last. Raises OSError, EOFError, zlib.error, RowError."""
    with _opened(path) as file:
        yield from CUTTERS[cut](_after_mark(file), 1)


def first_sign(path: Path) -> bytes:
    """The first byte that is no space; b"" where there is none or the file can't be read, which a survey will say."""
    try:
        with _opened(path) as file:
            return _after_mark(file).read(4096).lstrip()[:1]
    except _UNREADABLE:
        return b""


class Rows:
    """The rows of a surveyed file, in any order; quickest forwards. ScenarioError where the file has changed."""

    def __init__(self, known: DataFile) -> None:
        self.known = known
        self._starts = array("q", known.starts)
        self._lines = array("q", known.lines)
        path = Path(known.path)
        try:
            if path.stat().st_size != known.size:
                raise _problem(path, 0, "has changed since the scenario was read")
            self._file = _unpacked(path) if path.suffix == ".gz" else cast("BinaryIO", path.open("rb"))
        except _UNREADABLE as error:
            raise _problem(path, 0, f"can't be read: {getattr(error, 'strerror', None) or error}") from None
        finalize(self, self._file.close)
        self._next = 0
        self._walk: Iterator[Cut] = iter(())
        self._enter(0)

    def __len__(self) -> int:
        return self.known.rows

    def row(self, number: int) -> bytes:
        """Row ``number``, from 0."""
        place = number // self.known.stride
        if self.known.stride == 1 or not place * self.known.stride <= self._next <= number:
            self._enter(place)
        for found in self._walk:
            self._next += 1
            if self._next > number:
                return found.row
        raise _problem(Path(self.known.path), 0, "has become shorter since the scenario was read")

    def _enter(self, place: int) -> None:
        self._file.seek(self._starts[place])
        self._next = place * self.known.stride
        self._walk = CUTTERS[self.known.cut](self._file, self._lines[place])


def _opened(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb"))


def _unpacked(path: Path) -> BinaryIO:
    spool = tempfile.TemporaryFile()  # noqa: SIM115  (read for as long as the run lasts)
    with gzip.open(path, "rb") as packed:
        shutil.copyfileobj(packed, spool, 2**20)
    return cast("BinaryIO", spool)


def _after_mark(file: BinaryIO) -> BinaryIO:
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)
    return file


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _problem(path: Path, line: int, message: str) -> ScenarioError:
    what, _, hint = message.partition("; ")
    return ScenarioError([Problem(what, source=str(path), line=line, hint=hint)])
