"""The results of the last runs, in the user's state directory: for those who forgot ``--out``, or were killed.

``$XDG_STATE_HOME/llmload/runs`` (by default below ``~/.local/state``) holds a result for each of the last runs that
were given no file, and a link to the file of those that were. Nobody has asked for any of it: where it can't be
had, there is none.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
import psutil

__all__ = ["directory", "forget", "killed", "latest", "link", "place"]

_KEPT: Final = 10
"""How many runs are remembered."""


def directory() -> Path:
    """Where they are."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # The standard says to ignore a relative path.
    return (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "llmload" / "runs"


def place() -> Path | None:
    """Where the run of this process can keep its result; None if there is no such place. Nothing is there yet."""
    with suppress(OSError, RuntimeError):
        here = directory()
        here.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(here, os.W_OK | os.X_OK):
            return here / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.json"
    return None


def forget() -> None:
    """Keep the last runs only; first those go whose file is gone."""
    with suppress(OSError, RuntimeError):
        for old in sorted(_runs(), key=Path.exists)[:-_KEPT]:
            old.unlink(missing_ok=True)


def link(file: Path) -> None:
    """Remember that the run of this process keeps its result in ``file``; not if there is no such file."""
    if file.exists() and (name := place()):
        with suppress(OSError):
            name.symlink_to(file.resolve())


def latest() -> Path | None:
    """The result of the last run that left one."""
    with suppress(OSError, RuntimeError):
        return next((run for run in reversed(_runs()) if run.exists()), None)
    return None


def killed() -> Path | None:
    """The last run, if it was given no file, did not end, and no longer goes on."""
    with suppress(OSError, RuntimeError, ValueError, TypeError, LookupError):
        last = _runs()[-1]
        pid = int(last.stem.rpartition("-")[2])
        if not last.is_symlink() and not psutil.pid_exists(pid) and orjson.loads(last.read_bytes())["last_heard"]:
            return last
    return None


def _runs() -> list[Path]:
    """Oldest first, as their names begin with the time."""
    return sorted(directory().glob("*-*.json"))
