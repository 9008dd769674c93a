"""Standard streams that may be closed, full, or read by nobody."""

from __future__ import annotations

import os
import sys

__all__ = ["forsake_full_output", "open_closed_streams", "say", "write_and_say"]


def open_closed_streams() -> None:
    """Point closed standard streams at nothing.

    Else the next socket or pipe would get the number of a closed one, and with it whatever is printed there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as we run


def forsake_full_output() -> OSError | None:
    """Send on what is still held back for standard output; why not, where that fails.

    What couldn't be sent is thrown away then, with all that follows: nothing is to fail again when Python ends.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def say(text: str) -> None:
    """Write to standard error. Where that can't be written nobody can be told, and the exit status must do."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def write_and_say(destination: str, data: bytes) -> None:
    """Write to a path, and say so on standard error, or to standard output. Raises OutputError."""
    from llmload.reports import files
    from llmload.safe import clean

    files.write(destination, data)
    if destination != files.STDOUT:
        say(f"wrote {clean(destination)}\n")
