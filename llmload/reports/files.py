"""Where reports go: a file, replaced as a whole or not at all, or standard output ("-")."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from llmload.errors import OutputError

__all__ = ["STDOUT", "check_writable", "is_file", "rescue", "settle", "stage", "write"]

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
            whole = path.resolve()
            settle(stage(whole, data), whole)
            _sync_directory(whole.parent)


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


def is_file(destination: str) -> bool:
    """Whether ``write`` makes or replaces a file there; standard output, devices and pipes it only writes to."""
    return destination != STDOUT and not _special(Path(destination))


def stage(path: Path, data: bytes, *, lasting: bool = True) -> Path:
    """``data`` in a new file beside ``path``, to be renamed to it; raises OSError and leaves nothing then.

    ``lasting``: it is on the disk, not just in the system's memory, and survives a power cut.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        os.chmod(temporary, _MODE)
    except BaseException:
        _unlink(Path(temporary))
        raise
    return Path(temporary)


def settle(temporary: Path, path: Path) -> None:
    """Give what was staged its name; raises OSError and leaves nothing then."""
    try:
        os.replace(temporary, path)
    except BaseException:
        _unlink(temporary)
        raise


def rescue(data: bytes) -> str:
    """Put what could not be written where it was wanted into the directory for temporary files.

    The path, or "" when that won't take it either. Only its owner can read it: others use that directory, too.
    """
    try:
        descriptor, path = tempfile.mkstemp(prefix="llmload-result-", suffix=".json")
    except OSError:
        return ""
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        _unlink(Path(path))
        return ""
    return path


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _special(path: Path) -> bool:
    """A device or pipe: renaming over it would replace it by a file."""
    return path.exists() and not path.is_file() and not path.is_dir()


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
    except OSError as error:
        if _reader_is_gone(error):
            # Nothing is left to say, not even at interpreter exit.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        raise OutputError(f"can't write to standard output: {error.strerror or error}") from error


def _reader_is_gone(error: OSError) -> bool:
    """The reader of a pipe (head, jq -e) has seen enough, or the terminal was closed."""
    if isinstance(error, BrokenPipeError):
        return True
    with contextlib.suppress(OSError):
        return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode)
    return False


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            cause = f"there is no directory {str(path.parent)!r}"
        raise OutputError(f"can't write {str(path)!r}: {cause}") from error
