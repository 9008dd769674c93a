"""Scenarios that look at the target itself, on a real process: demonstrations pass, and planted faults fail them in the
row's words."""

from __future__ import annotations

import subprocess
import sys

import pytest

BROKEN = {
    "baseline:broken-leak": ("the target's memory is not stable",),
    "soak:broken-leak": ("the target's memory creeps: a leak",),
    "scaling": ("it never scales out: there are no more replicas with all users than with few",),
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
    "workload-scaling": (
        "long contexts take twice as long and longer at the high rate: the wrong resource is scaled, or too little",
    ),
    "queue-growth": ("the queue grows while the load stays the same: its worker is too slow",),
}
ELSEWHERE = {"scaling"}
"""Whose latencies, of few calls, are judged in virtual time: here on a busy machine they say little."""


def run(*options: str) -> tuple[int, str]:
    line = [sys.executable, "-m", "llmload", "run", "--allow-invalid", *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, " ".join(done.stdout.split())


@pytest.mark.parametrize("case", BROKEN)
def test_a_planted_fault_fails_in_the_words_of_the_row(case: str) -> None:
    name, _, environment = case.partition(":")
    status, said = run(name, "--env", environment or "broken")
    assert status == 1, said
    for words in BROKEN[case]:
        assert words in said


@pytest.mark.parametrize("case", BROKEN)
def test_a_healthy_target_passes(case: str) -> None:
    status, said = run(case.partition(":")[0])
    assert status == 0 or case in ELSEWHERE, said
    assert not any(words in said for words in BROKEN[case])
    assert "not judged" not in said
