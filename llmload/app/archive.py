"""The results in a directory, one after the other: each is read, looked at and let go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from llmload.app.reading import result_at
from llmload.errors import ResultError
from llmload.reports.archive import Run
from llmload.reports.result import Result

__all__ = ["read_runs"]


def read_runs(directory: Path, of: Callable[[str, Result], Run], skip: Callable[[str], None]) -> list[Run]:
    """``of`` makes a run of a file's name and its result; ``skip`` is told of every file that can't be read. Files end
    in ``.json``; directories below are not looked into. Raises ResultError where there is no such directory."""
    if not directory.is_dir():
        what = "it is a file; name the directory it is in" if directory.exists() else "there is no such directory"
        raise ResultError(f"can't read results in {str(directory)!r}: {what}")
    return list(_runs(sorted(directory.glob("*.json")), of, skip))


def _runs(paths: Iterable[Path], of: Callable[[str, Result], Run], skip: Callable[[str], None]) -> Iterator[Run]:
    for path in paths:
        try:
            yield of(path.name, result_at(path))
        except ResultError as error:
            skip(str(error))
