"""Scenario websocket, on real sockets: its demonstration passes, and dropped sockets fail it in the row's words."""

from __future__ import annotations

import subprocess
import sys


def run(*options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "llmload", "run", "websocket", *options]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def test_dropped_sockets_fail_in_the_words_of_the_row() -> None:
    done = run("--env", "broken")
    assert done.returncode == 1
    assert "sockets are dropped" in done.stdout + done.stderr


def test_a_healthy_target_holds_every_socket() -> None:
    done = run("--allow-invalid")
    assert done.returncode == 0, done.stdout + done.stderr
