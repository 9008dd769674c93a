"""``--web`` on the command line: what is said, what is refused, and when the process ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

SHORT = ("run", "quickstart", "--set", "load.duration=3s", "--set", "limits.drain=2s", "--display", "plain")
SAID = re.compile(r"the run is shown at (http://\S+/)")


def llmload(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmload", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address that it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "llmload", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        said = SAID.search(process.stderr.readline())
        assert said is not None
        yield process, said[1]
    finally:
        process.kill()
        process.communicate()


@contextmanager
def told(address: str, what: bytes) -> Iterator[None]:
    """Follows the events, and goes on when they have said this."""
    stream = urllib3.request("GET", f"{address}events", preload_content=False, retries=False, timeout=30)
    pieces, seen = stream.stream(1 << 16), b""
    while what not in seen:
        seen += next(pieces)
    yield
    stream.close()


def test_nobody_watches_and_the_process_ends_with_the_run(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = llmload(*SHORT, "--web-at", "0", "--allow-invalid", "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert SAID.search(done.stderr)
    assert "WARNING" not in done.stderr
    assert "the page stays" not in done.stderr
    assert json.loads(out.read_text())["verdict"]["decision"] in ("PASS", "INVALID")


def test_the_page_stays_while_it_is_watched_and_has_the_report() -> None:
    with started(*SHORT, "--web-at", "0", "--allow-invalid") as (process, address):
        with told(address, b'"/report/1"'):
            report = urllib3.request("GET", f"{address}report/1", timeout=60, retries=False)
            assert report.status == 200
            assert b"quickstart" in report.data
            time.sleep(4.0)
            assert process.poll() is None
        assert process.wait(20) == 0


def test_ctrl_c_ends_a_page_that_stays_and_the_status_is_the_run_s() -> None:
    with started(*SHORT, "--web-at", "0", "--allow-invalid", "--web-stay", "1h") as (process, _):
        assert process.stderr is not None
        for line in process.stderr:
            if "the page stays on, 3600 s at most; Ctrl-C ends it" in line:
                break
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_run_that_is_told_to_end_does_not_stay() -> None:
    arguments = (*SHORT, "--set", "load.duration=1m", "--web-at", "0", "--web-stay", "1h")
    with started(*arguments) as (process, address), told(address, b'"stage":"running"'):
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 130


def test_more_than_this_machine_is_said_loudly() -> None:
    done = llmload(*SHORT, "--web-at", "0.0.0.0:0", "--web-stay", "0", "--allow-invalid")
    assert done.returncode == 0, done.stderr
    assert "WARNING: 0.0.0.0 is not this machine alone" in done.stderr


def test_a_taken_port_ends_it_before_anything_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = llmload(*SHORT, "--web-at", str(port))
    assert done.returncode == 2
    assert f"can't show the page on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--web-at", "x y"), "--web-at: 'x y' is no HOST:PORT"),
        (("--web", "--web-stay", "soon"), "--web-stay: 'soon' is not a duration"),
        (("--web-stay", "1m"), "--web-stay is about the page of --web, and there is none"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: tuple[str, ...], says: str) -> None:
    for command in (("run", "quickstart"), ("bench", "sim:")):
        done = llmload(*command, *options)
        assert done.returncode == 2
        assert says in done.stderr
