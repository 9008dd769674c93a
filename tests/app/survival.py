"""Real runs of the command, as processes that can be mistreated."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from llmload.reports.result import Result, parse_result

__all__ = ["LLMLOAD", "gone", "result_in", "start", "wait_for_first_checkpoint"]

LLMLOAD = [sys.executable, "-m", "llmload"]


def start(*args: str, state: Path, **streams: int) -> subprocess.Popen[bytes]:
    """The command in a session of its own; silent unless told otherwise."""
    return subprocess.Popen(
        [*LLMLOAD, *args],
        start_new_session=True,
        env={**os.environ, "XDG_STATE_HOME": str(state), "NO_COLOR": "1", "TERM": "xterm"},
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams},
    )


def wait_for_first_checkpoint(path: Path, calls: int = 1) -> Result:
    """The checkpoint in ``path`` once it holds so many calls."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists():
            found = result_in(path)
            if found.summary.completed >= calls:
                return found
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint in {path}")


def result_in(path: Path) -> Result:
    return parse_result(path.read_bytes(), path.name)


def gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those of them that still run ten seconds from now, at the latest."""
    return psutil.wait_procs(processes, timeout=10)[1]
