"""Scenario memory, on a real process: its demonstration passes, and a planted leak fails it in the row's words."""

from __future__ import annotations

import subprocess
import sys

PEAK = "memory at its peak is twice what it was before the load, or more"
GROWTH = "memory grows by half or more while the load stays the same: a leak"


def run(*options: str) -> tuple[int, str]:
    line = [sys.executable, "-m", "llmload", "run", "memory", "--allow-invalid", *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, " ".join(done.stdout.split())


def test_a_leak_fails_in_the_words_of_the_row() -> None:
    status, said = run("--env", "broken")
    assert status == 1, said
    assert PEAK in said
    assert GROWTH in said


def test_a_healthy_target_stays_within_its_memory() -> None:
    status, said = run()
    assert status == 0, said
