"""Scenarios that look at the target itself, on a real process: demonstrations pass, and planted faults fail them in the
row's words."""

from __future__ import annotations

import subprocess
import sys

import pytest

BROKEN = {
    "calibrate-resources": (
        "the system shows more CPU than is known to be used",
        "its page shows more CPU than is known to be used",
        "the system shows more memory than is known to be taken",
        "its page shows more memory than is known to be taken",
    ),
    "memory": (
        "memory at its peak is twice what it was before the load, or more",
        "memory grows by half or more while the load stays the same: a leak",
    ),
    "worker-efficiency": ("the server's event loop is blocked: for that time it answers nobody",),
    "queue-growth": ("the queue grows while the load stays the same: its worker is too slow",),
}


def run(*options: str) -> tuple[int, str]:
    line = [sys.executable, "-m", "llmload", "run", "--allow-invalid", *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, " ".join(done.stdout.split())


@pytest.mark.parametrize("name", BROKEN)
def test_a_planted_fault_fails_in_the_words_of_the_row(name: str) -> None:
    status, said = run(name, "--env", "broken")
    assert status == 1, said
    for words in BROKEN[name]:
        assert words in said


@pytest.mark.parametrize("name", BROKEN)
def test_a_healthy_target_passes(name: str) -> None:
    status, said = run(name)
    assert status == 0, said
