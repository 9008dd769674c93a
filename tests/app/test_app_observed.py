"""Whole runs that look at a process: the simulator's, one that ends, one that is not there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmload.reports.result import Result, parse_result

SCENARIO = """
name = "observed"
objectives = [
  "target.memory.max < 1GiB", "target.memory.peak < 300%", "target.cpu.mean < 100%", "target.threads.max < 1000",
  "target.exits.count <= 0",
]
[observe.server]
process = "target"
every = "200ms"
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
max_tokens = 5
[load]
rate = "20/s"
duration = "3s"
"""


def start(path: Path, *options: str) -> subprocess.Popen[str]:
    (path / "observed.toml").write_text(SCENARIO)
    line = [sys.executable, "-m", "llmload", "run", "observed.toml", "--allow-invalid", "--out", "out.json", *options]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=path)


def end(path: Path, running: subprocess.Popen[str]) -> tuple[int, str, Result]:
    said, _ = running.communicate(timeout=90)
    assert (path / "out.json").exists(), said
    return running.returncode, said, parse_result((path / "out.json").read_bytes(), "out.json")


def test_the_target_is_seen_in_step_with_the_run(tmp_path: Path) -> None:
    status, said, result = end(tmp_path, start(tmp_path))
    assert status == 0, said
    seen = result.summary.observed["server"]
    memory, cores = seen.figures["memory"], seen.figures["cores"]
    assert memory.before is not None
    assert memory.before > 2**20
    assert len(memory.bins.keys() & {0, 1, 2, 3}) >= 3  # twice a second, but for what a busy machine keeps it from
    assert sum(part.weight for part in cores.bins.values()) == pytest.approx(result.duration, abs=0.5)
    assert seen.missing == {}
    assert f"server: {seen.what}" in said
    assert all(judgement.passed for judgement in result.judgements)


def test_a_process_that_ends_is_told_and_the_run_is_judged(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as mortal:
        process = f"observe.server.process={mortal.pid}"
        running = start(tmp_path, "--set", process, "--set", "load.duration=6s", "--requests", str(log))
        while running.poll() is None and not (log.exists() and log.stat().st_size):
            time.sleep(0.1)
        mortal.kill()
        mortal.wait()
        status, said, result = end(tmp_path, running)
    assert status == 1, said
    missed = [judgement for judgement in result.judgements if not judgement.passed]
    assert [judgement.objective.rule for judgement in missed] == ["target.exits.count <= 0"]
    assert f"process {mortal.pid} has ended" in " ".join(result.notes)
    (at,) = result.summary.observed["server"].ended
    assert 0 < at < 7
    assert result.duration >= 6


def test_what_is_not_there_fails_every_rule_about_it_and_says_why(tmp_path: Path) -> None:
    status, said, result = end(tmp_path, start(tmp_path, "--set", f"observe.server.process={2**22 + 1}"))
    assert status == 1, said
    assert {judgement.passed for judgement in result.judgements} == {False}
    assert {judgement.note for judgement in result.judgements} == {
        f"no data: there is no process {2**22 + 1} on this machine"
    }
    assert result.summary.select().ok > 0, "the load does not depend on it"


def test_a_loop_that_is_blocked_is_seen_by_its_probe(tmp_path: Path) -> None:
    rules = '["target.stalls.count <= 0", "target.probe.lost <= 0"]'
    probe = ["--set", 'observe.health={probe="/health", rate="50/s"}', "--set", f"objectives={rules}"]
    fault = ["--fault", "block:from=1s,rate=5%,seconds=300ms"]
    status, said, result = end(tmp_path, start(tmp_path, *probe, *fault))
    assert status == 1, said
    seen = result.summary.observed["health"]
    assert seen.probed is not None
    assert seen.figures["probe"].before is not None
    assert [judgement.passed for judgement in result.judgements] == [False, True]
    assert "the server's event loop was blocked" in said
    longest = max(seen.probed.stalls, key=lambda stall: stall.most)
    assert longest.at > 0.9
    assert longest.most > 0.29
