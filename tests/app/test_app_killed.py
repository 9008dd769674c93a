"""kill -9: what a run leaves behind then, and whom."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
from survival import LLMLOAD, gone, result_in, start, wait_for_first_checkpoint

from llmload.app.checkpoint import EVERY
from llmload.clock import NS, monotonic_ns
from llmload.errors import ExitStatus
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.verdict.validity import Level

BEHIND = 5.0
"""Seconds that a killed run may lose."""
LOAD = ("-r", "30/s", "--process", "uniform", "-d", "60s", "--max-tokens", "5", "--display", "quiet")


def report(*args: str, state: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_STATE_HOME": str(state), "COLUMNS": "200"}
    return subprocess.run([*LLMLOAD, "report", *args], capture_output=True, text=True, timeout=60, env=env)


def test_a_killed_run_leaves_what_it_knew_five_seconds_before(tmp_path: Path) -> None:
    """Held against the truth of the simulator, which outlives the runs: three, killed at any time."""
    truth_logs = [tmp_path / f"truth-{n}.jsonl" for n in range(3)]
    outs = [tmp_path / f"result-{n}.json" for n in range(3)]
    killed_at: dict[int, int] = {}
    simulators = [SimProcess(SimSpec(), truth_log=log) for log in truth_logs]
    with simulators[0], simulators[1], simulators[2]:
        runs = [
            start("bench", simulator.url, "-m", "sim-model", *LOAD, "-o", str(out), state=tmp_path)
            for simulator, out in zip(simulators, outs, strict=True)
        ]
        for out in outs:
            wait_for_first_checkpoint(out)
        begun = time.monotonic()
        for n, after in enumerate(sorted(random.uniform(0.0, 2 * EVERY) for _ in runs)):
            time.sleep(max(0.0, begun + after - time.monotonic()))
            os.killpg(runs[n].pid, signal.SIGKILL)
            killed_at[n] = monotonic_ns()
            assert runs[n].wait(10) == -signal.SIGKILL
    for n, out in enumerate(outs):
        result = result_in(out)
        ends = [json.loads(line)["end"] for line in truth_logs[n].read_text().splitlines()]
        long_over = sum(end < killed_at[n] - BEHIND * NS for end in ends)
        assert long_over <= result.summary.completed <= len(ends)
        assert (result.validity.level, result.exit_status()) == (Level.INVALID, ExitStatus.INVALID)
        shown = report(str(out), state=tmp_path)
        assert shown.returncode == 0
        assert "This run did not end" in shown.stdout
        assert result.last_heard in shown.stdout


def test_whoever_is_left_when_the_run_is_killed_alone_ends_by_himself(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    run = start("bench", "sim:", *LOAD, "--workers", "2", "-o", str(out), state=tmp_path)
    wait_for_first_checkpoint(out)
    left = psutil.Process(run.pid).children(recursive=True)
    assert len(left) >= 3, "two workers and the simulator"
    os.kill(run.pid, signal.SIGKILL)
    run.wait(10)
    assert gone(left) == []


def test_a_run_without_a_file_can_be_found_after_it_was_killed(tmp_path: Path) -> None:
    run = start("bench", "sim:", *LOAD, state=tmp_path)
    runs = tmp_path / "llmload" / "runs"
    deadline = time.monotonic() + 60
    while not list(runs.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(10)
    (kept,) = runs.glob("*.json")
    shown = report("--last", state=tmp_path)
    assert "This run did not end" in shown.stdout
    again = start("bench", "sim:", "-d", "300ms", "--display", "quiet", state=tmp_path, stderr=subprocess.PIPE)
    _, said = again.communicate(timeout=60)
    assert f"llmload report {kept}" in said.decode()
    assert "did not end" not in report("--last", state=tmp_path).stdout
