"""Terminals and readers that go away during a run."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from survival import LLMLOAD, result_in, start, wait_for_first_checkpoint

from llmload.errors import ExitStatus

SHORT = ("-r", "20/s", "--process", "uniform", "-d", "1500ms", "--max-tokens", "3", "--allow-invalid")
LONG = ("-r", "20/s", "--process", "uniform", "-d", "60s", "--max-tokens", "3", "--allow-invalid")


def drawn(master: int) -> None:
    """Wait until the dashboard has drawn something."""
    seen = b""
    while b"\x1b[" not in seen:
        ready, _, _ = select.select([master], [], [], 60)
        assert ready, seen
        seen += os.read(master, 65536)


def test_a_terminal_that_is_closed_ends_the_run_with_a_whole_result(tmp_path: Path) -> None:
    """As when a window is closed or a connection lost: the kernel sends SIGHUP, and writing fails from then on."""
    out = tmp_path / "result.json"
    os.environ.update(TERM="xterm")
    pid, master = pty.fork()
    if pid == 0:
        os.execv(LLMLOAD[0], [*LLMLOAD, "bench", "sim:", *LONG, "-o", str(out), "--display", "live"])
    drawn(master)
    while not out.exists() or not result_in(out).summary.completed:
        select.select([master], [], [], 0.1)
        os.read(master, 65536)
    os.close(master)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == ExitStatus.INTERRUPTED
    result = result_in(out)
    assert (result.interrupted, result.last_heard) == ("SIGHUP", "")
    assert result.summary.select(measured=False).calls == result.summary.planned > 0


def test_a_terminal_that_fails_without_a_signal_only_ends_the_drawing(tmp_path: Path) -> None:
    """It is not this process's controlling terminal, so nobody tells it; it finds out when it draws."""
    out = tmp_path / "result.json"
    master, slave = pty.openpty()
    args = ("bench", "sim:", *SHORT, "-o", str(out), "--display", "live")
    run = start(*args, state=tmp_path, stdout=slave, stderr=slave, stdin=slave)
    os.close(slave)
    drawn(master)
    os.close(master)
    assert run.wait(60) == ExitStatus.PASS
    assert result_in(out).summary.completed == 30
    assert not result_in(out).last_heard


@pytest.mark.parametrize("pipe", ["| head -1", "2>&1 | true"])
def test_a_reader_that_goes_away_changes_nothing_of_the_run(tmp_path: Path, pipe: str) -> None:
    out = tmp_path / "result.json"
    run = " ".join([*LLMLOAD, "bench", "sim:", *SHORT, "--display", "plain", "-o", str(out)])
    done = subprocess.run(
        ["bash", "-c", f"{run} {pipe}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == ExitStatus.PASS, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stdout + done.stderr
    assert result_in(out).summary.completed == 30


def test_a_signal_to_the_command_alone_ends_in_a_whole_result_and_a_word(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    run = start(
        "bench", "sim:", *LONG, "-o", str(out), "--display", "plain",
        state=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for_first_checkpoint(out)
    os.kill(run.pid, signal.SIGTERM)
    said, told = run.communicate(timeout=60)
    assert run.returncode == ExitStatus.INTERRUPTED
    assert "SIGTERM: no more requests" in told.decode()
    assert ": SIGTERM" in said.decode()
    result = result_in(out)
    assert (result.interrupted, result.last_heard) == ("SIGTERM", "")
    assert result.summary.select(measured=False).calls == result.summary.planned > 0


def test_hangups_that_were_to_be_ignored_are(tmp_path: Path) -> None:
    """nohup says so."""
    out = tmp_path / "result.json"
    command = ["nohup", *LLMLOAD, "bench", "sim:", *SHORT, "-o", str(out), "--display", "quiet"]
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_first_checkpoint(out, calls=0)
    run.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    run.send_signal(signal.SIGHUP)
    assert run.wait(60) == ExitStatus.PASS
    assert result_in(out).summary.completed == 30
