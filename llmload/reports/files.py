"""Where reports go: a file, replaced as a whole or not at all, or standard output ("-")."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from llmload.errors import OutputError

__all__ = ["STDOUT", "check_writable", "write"]

STDOUT: Final = "-"
_MODE: Final = 0o644


def write(destination: str, data: bytes) -> None:
    """Write ``data`` to a path or to standard output.

    A reader of the path sees the old file or the new one, never a part: the bytes go to a temporary
    name beside it, reach the disk, and are then renamed. A path that is not a regular file (``/dev/stdout``,
    a named pipe) is written straight. Raises OutputError naming the path and the cause.
    """
    if destination == STDOUT:
        _write_stdout(data)
        return
    path = Path(destination)
    with _explained(path):
        if _special(path):
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)


def check_writable(destination: str) -> None:
    """Find out before the run whether ``write`` will work after it; leaves nothing behind.

    Raises OutputError as ``write`` would.
    """
    if destination == STDOUT:
        return
    path = Path(destination)
    with _explained(path):
        if path.is_dir():
            raise IsADirectoryError(0, "it is a directory; name a file in it")
        if _special(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(0, "Permission denied")
            return
        with tempfile.NamedTemporaryFile(dir=path.resolve().parent, prefix=f".{path.name[:40]}."):
            pass


def _special(path: Path) -> bool:
    """A device or pipe: renaming over it would replace it by a file."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _replace(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _MODE)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Make the rename itself last; not every system or file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_stdout(data: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader (head, jq -e) has seen enough. Nothing is left to say, not even at interpreter exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise OutputError(f"can't write to standard output: {error.strerror or error}") from error


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            cause = f"there is no directory {str(path.parent)!r}"
        raise OutputError(f"can't write {str(path)!r}: {cause}") from error
