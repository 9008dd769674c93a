"""A disk without room costs what was to be written there, and nothing else."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from survival import LLMLOAD, result_in

from llmload.errors import ExitStatus

LOAD = "-r 60/s --process uniform -d 3s --max-tokens 3 --allow-invalid --display plain"
_SMALL_DISK = "mount -t tmpfs -o size=16k none {disk}"


def shell(script: str, state: Path, **env: str) -> subprocess.CompletedProcess[str]:
    here = {**os.environ, "XDG_STATE_HOME": str(state), "NO_COLOR": "1", "COLUMNS": "200", **env}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, env=here)


def in_small_disk(disk: Path, script: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Run with a disk of 16 KB mounted at ``disk``; needs no privileges where users may have namespaces."""
    disk.mkdir()
    inner = f"{_SMALL_DISK.format(disk=disk)} && {{ {script} ; }}"
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here")
    return shell(f"unshare -rm bash -c {shlex.quote(inner)}", state)


def bench(*args: str) -> str:
    return shlex.join([*LLMLOAD, "bench", "sim:", *shlex.split(LOAD), *args])


def test_with_the_disk_full_the_run_goes_on_and_its_result_is_kept_elsewhere(tmp_path: Path) -> None:
    """Result, checkpoint and log all go where there is no room."""
    disk = tmp_path / "disk"
    out, log = disk / "result.json", disk / "calls.jsonl"
    # Whether a file can be made is checked before the run; the disk fills up when it has begun.
    fill = f"{{ until [ -e {log} ]; do sleep 0.02; done; head -c 1M /dev/zero > {disk}/ballast; }} 2>/dev/null &"
    script = f"{fill} {bench('-o', str(out), '--requests', str(log))}"
    done = in_small_disk(disk, script, tmp_path / "state")
    assert done.returncode == ExitStatus.USAGE, done.stderr
    assert "TTFT" in done.stdout, "the report is printed all the same"
    assert f"can't keep a checkpoint in {out}: No space left on device" in done.stderr
    assert f"can't write to {log}: No space left on device; the run goes on" in done.stderr
    assert f"can't write '{out}': No space left on device; the result is in " in done.stderr
    kept = max((tmp_path / "state" / "llmload" / "runs").glob("*.json"))
    assert str(kept) in done.stderr
    assert result_in(kept).summary.completed == 180


def test_where_there_is_no_room_anywhere_the_report_is_still_printed(tmp_path: Path) -> None:
    """No file may be larger than 4 KB, wherever it is."""
    out, log = tmp_path / "result.json", tmp_path / "calls.jsonl"
    done = shell(f"ulimit -f 4; {bench('-d', '6s', '-o', str(out), '--requests', str(log))}", tmp_path / "state")
    assert done.returncode == ExitStatus.USAGE, done.stderr
    assert "TTFT" in done.stdout
    for words in ("can't keep a checkpoint", "calls are left out of it", "calls are missing from", "can't write"):
        assert words in done.stderr
    assert "the result is nowhere but in the report" in done.stderr
    assert "Traceback" not in done.stderr
    assert all(line.endswith("}") for line in log.read_text().splitlines()), "no half lines"


def test_a_second_file_on_another_disk_is_complete_and_no_refuge_is_taken(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = shell(bench("-o", "/dev/full", "-o", str(out)), tmp_path / "state")
    assert done.returncode == ExitStatus.USAGE
    assert "can't write '/dev/full': No space left on device\n" in done.stderr
    assert result_in(out).summary.completed == 180
    assert not result_in(out).last_heard
