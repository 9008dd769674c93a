"""The sides of a comparison, from what a command line names: files, lists of files, patterns."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from llmload.app.reading import result_at
from llmload.errors import ResultError, UsageError
from llmload.reports.comparison import Party

__all__ = ["matching", "read_side", "read_sides"]

_NAMED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9 _.-]{0,39})=(.+)", re.DOTALL)
_MOST_RUNS: Final = 1000


def read_sides(given: Sequence[str]) -> list[Party]:
    """Two or more. Raises UsageError, ResultError."""
    if len(given) < 2:
        raise UsageError("a comparison takes two results or more: llmload compare A.json B.json")
    parties = [read_side(text) for text in given]
    names = [party.name for party in parties]
    same = [name for name in names if names.count(name) > 1]
    if not same:
        return parties
    return [Party(f"{party.name} ({n})", party.results) for n, party in enumerate(parties, 1)]


def read_side(text: str) -> Party:
    """``[NAME=]FILE[,FILE ...]``, each a file or a pattern. Without a name it is called after its first file. Raises
    UsageError, ResultError."""
    name, rest = "", text
    if not Path(text).exists() and (match := _NAMED.fullmatch(text)):
        name, rest = match[1].strip(), match[2]
    paths = [path for part in _parts(rest) for path in matching(part)]
    if not paths:
        raise UsageError(f"{text[:100]!r} names no file; write a side as FILE[,FILE ...] or NAME=FILE")
    if len(paths) > _MOST_RUNS:
        raise UsageError(f"{rest[:100]!r} are {len(paths)} results; {_MOST_RUNS} at most are compared")
    return Party(name or _called(paths), tuple(result_at(path) for path in paths))


def _parts(text: str) -> list[str]:
    return [text] if Path(text).exists() else [part for part in text.split(",") if part]


def matching(part: str) -> list[Path]:
    """The file of that name, or those that a pattern matches; ResultError if there is none."""
    if Path(part).exists():
        return [Path(part)]
    found = sorted(glob.glob(part)) if glob.has_magic(part) else []
    if not found:
        why = "no file matches it" if glob.has_magic(part) else "there is no such file"
        raise ResultError(f"can't read {part!r}: {why}")
    return [Path(path) for path in found]


def _called(paths: Sequence[Path]) -> str:
    """The file's name; of several, what they begin with."""
    stem = paths[0].stem
    if len(paths) > 1:
        stem = re.sub(r"[-_. ]?\d+$", "", stem) or stem
    return stem
