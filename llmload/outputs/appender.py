"""A file that only grows, always ends with a whole line, and can be bounded in size.

Nothing is buffered here: what ``append`` has returned from is the kernel's, so a killed process loses none of it.
With a name that ends in ``.gz`` every ``append`` writes one gzip member; members in a row are a valid gzip file, so
the file can be read to its end at any moment, and after ``kill -9`` too.
"""

from __future__ import annotations

import contextlib
import gzip
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from llmload.errors import OutputError

__all__ = ["Appender", "pieces"]

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
_GZIP_LEVEL: Final = 4
"""On lines of JSON a quarter larger than level 9 at a fifth of its time."""


class Appender:
    """Owns one file, begun anew.

    With ``max_bytes`` a file that would grow beyond is renamed (``calls.jsonl`` to ``calls.jsonl.1``, that to
    ``.2``, ``calls.jsonl.gz`` to ``calls.1.jsonl.gz`` ...) and a new one begun; the newest ``keep`` old ones stay.
    Those of an earlier run are removed. ``dropped`` counts the lines that went with files that did not stay.
    """

    def __init__(self, path: Path, max_bytes: int | None = None, keep: int = 9) -> None:
        """Raises ``OutputError`` if the file can't be opened."""
        self.path = path
        # Devices and pipes can't be renamed, and hold nothing.
        self._max_bytes = max_bytes if path.is_file() or not path.exists() else None
        self._keep = keep
        self._zipped = path.suffix == ".gz"
        self._size = 0
        self.dropped = 0
        self._lines: deque[int] = deque([0])
        """Lines in each file, the newest first."""
        try:
            if self._max_bytes is not None:
                self._remove_old()
            self._fd = os.open(path, _FLAGS | os.O_TRUNC, 0o666)
        except OSError as error:
            raise OutputError(f"can't write to {path}: {error.strerror}") from error

    def append(self, lines: bytes) -> None:
        """Write whole lines, all or none; raises OSError."""
        data = gzip.compress(lines, _GZIP_LEVEL, mtime=0) if self._zipped else lines
        if self._max_bytes is not None and self._size and self._size + len(data) > self._max_bytes:
            self._rotate()
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            # What did get in ends in the middle of a line; devices and pipes can't take it back.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)
        self._lines[0] += lines.count(b"\n")

    def close(self) -> None:
        """Close the file; raises OSError where the system finds out only now that it could not write."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _rotate(self) -> None:
        """Raises OSError; can then be tried again: files that were renamed already are no longer there."""
        for number in range(self._keep, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._old(number - 1).replace(self._old(number))
        fd = os.open(self.path, _FLAGS | os.O_TRUNC, 0o666)
        os.close(self._fd)
        self._fd, self._size = fd, 0
        self._lines.appendleft(0)
        while len(self._lines) > self._keep + 1:
            self.dropped += self._lines.pop()

    def _remove_old(self) -> None:
        for number in range(1, self._keep + 1):
            self._old(number).unlink(missing_ok=True)

    def _old(self, number: int) -> Path:
        if not number:
            return self.path
        if self._zipped:
            stem = Path(self.path.stem)
            return self.path.with_name(f"{stem.stem}.{number}{stem.suffix}.gz")
        return self.path.with_name(f"{self.path.name}.{number}")


def pieces(lines: bytes, limit: int) -> Iterator[bytes]:
    """Cut ``lines`` at ends of lines into pieces of at most ``limit`` bytes (a longer line stays whole)."""
    start = 0
    while start < len(lines):
        end = len(lines)
        if end - start > limit:
            end = lines.rfind(b"\n", start, start + limit) + 1 or lines.find(b"\n", start) + 1 or end
        yield lines[start:end]
        start = end
