"""Standard streams that are closed or full change nothing but what can be read there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = "-r 20/s -d 300ms --max-tokens 5 --allow-invalid"


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&- <&-", "2>/dev/full --json -"])
def test_a_run_ends_as_it_would(streams: str, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = f"{sys.executable} -m llmload bench sim: {LOAD} -o {out} {streams}"
    assert subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    assert json.loads(out.read_bytes())["kind"] == "llmload-result"


def test_a_destination_that_is_full_by_then_does_not_cost_the_others() -> None:
    command = f"{sys.executable} -m llmload bench sim: {LOAD} -o /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "TTFT" in done.stdout
    assert "/dev/full" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["plan quickstart", "schema", "calibrate --help"])
def test_output_that_cannot_be_written_is_said_in_one_line(command: str, unbuffered: str) -> None:
    shell = f"PYTHONUNBUFFERED={unbuffered} {sys.executable} -m llmload {command} >/dev/full"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == "llmload: standard output can't be written: No space left on device\n"
    assert done.returncode == 2


@pytest.mark.parametrize("most", [8, 16])
def test_a_lack_of_file_descriptors_is_said_in_one_line(most: int) -> None:
    command = f"ulimit -n {most}; {sys.executable} -m llmload bench sim: {LOAD}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert f"llmload: out of file descriptors: a process may have {most}; raise the limit (ulimit -n)" in done.stderr
    assert done.returncode == 3


def test_few_file_descriptors_are_enough_for_few_calls() -> None:
    command = f"ulimit -n 40; {sys.executable} -m llmload bench sim: {LOAD}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "gave up" not in done.stderr
    assert done.returncode == 0
