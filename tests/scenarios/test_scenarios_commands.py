"""Shipped scenarios as a user runs them: the command, real HTTP, exit status."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from shipped_runs import DIRECTORY, NAMES

SHORT = ("--scale", "rate=20,time=0.05")
"""The 100 calls of a scenario in two and a half seconds."""

TRUST = "--allow-invalid"
"""Other work on the machine makes figures INVALID, rightly; what these tests are about is the target."""


def llmload(*args: str) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LLMLOAD_")}
    return subprocess.run(
        [sys.executable, "-m", "llmload", *args],
        capture_output=True,
        text=True,
        timeout=90,
        env={**environ, "NO_COLOR": "1"},
    )


def test_a_healthy_run_passes_and_exits_0() -> None:
    done = llmload("run", str(DIRECTORY / "ttft.toml"), *SHORT, TRUST)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 objectives met" in done.stdout


def test_a_broken_run_fails_says_why_and_exits_1() -> None:
    done = llmload("run", "ttft", *SHORT, TRUST, "--env", "broken")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 of 2 objectives met" in done.stdout
    rows = done.stdout.splitlines()
    missed = next(number for number, row in enumerate(rows) if "ttft.p95 < 500ms" in row and row.startswith("✗"))
    assert rows[missed + 1].strip() == "first tokens come too late"


def test_environments_combine_on_the_command_line() -> None:
    done = llmload("plan", "rest", "--full", "--env", "stress,degraded")
    assert done.returncode == 0, done.stderr
    assert "step-600" in done.stdout
    assert llmload("plan", "rest", "--env", "stress,degradd").returncode == 2


def test_all_of_them_are_valid_in_every_variant() -> None:
    done = llmload("validate", *(str(DIRECTORY / f"{name}.toml") for name in NAMES))
    assert done.returncode == 0, done.stderr
    assert [line.rpartition(": ")[2] for line in done.stdout.splitlines()] == ["ok"] * len(NAMES)


@pytest.mark.parametrize(("args", "words"), [((), "16.8 s"), (("--full",), "1 h 10 m")])
def test_a_plan_shows_what_would_be_sent(args: tuple[str, ...], words: str) -> None:
    done = llmload("plan", "peak", *args)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert "hold" in done.stdout
