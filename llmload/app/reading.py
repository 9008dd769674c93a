"""Saved results, read from files."""

from __future__ import annotations

from pathlib import Path

from llmload.errors import ResultError
from llmload.reports.result import Result, parse_result

__all__ = ["result_at"]


def result_at(path: Path) -> Result:
    """The result in a file; ResultError names the file and what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ResultError(f"can't read {str(path)!r}: {error.strerror or error}") from error
    return parse_result(data, str(path))
