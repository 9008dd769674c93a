"""``--export`` and ``--stream`` on the command line: what goes where, and that no secret is seen."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

SHORT = ("--set", "load.duration=3s", "--set", "limits.drain=2s", "--display", "plain", "--allow-invalid")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "llmload", "run", "quickstart", *arguments], capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, **environment},
    )  # fmt: skip


def test_a_stream_on_standard_output_is_alone_there() -> None:
    done = run(*SHORT, "--stream", "-")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) >= 3
    assert {line["type"] for line in lines[:-1]} == {"tick"}
    assert lines[-1]["type"] == "end"
    assert lines[-1]["total"]["calls"] == sum(line["recent"][""]["calls"] for line in lines) > 10
    assert "PASS" in done.stderr


def test_standard_output_takes_one_thing() -> None:
    done = run(*SHORT, "--stream", "-", "--json", "-")
    assert done.returncode == 2
    assert "--stream -: something else goes to standard output" in done.stderr
    assert not done.stdout


def test_a_system_that_never_answers_ends_no_run_and_its_secrets_are_not_seen(tmp_path: Path) -> None:
    secrets = {"INFLUX_TOKEN": "sk-SECRET1", "ALERT_URL": "http://127.0.0.1:1/sk-SECRET2"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"influxdb2:http://127.0.0.1:{silent.getsockname()[1]}/org/bucket"
        before = time.monotonic()
        out = tmp_path / "out.json"
        done = run(*SHORT, "--export", where, "--export", "webhook:env:ALERT_URL", "-o", str(out), **secrets)
        assert time.monotonic() - before < 40
    assert done.returncode == 0, done.stderr
    assert "influxdb2 takes nothing: no answer in 3 s" in done.stderr
    assert "influxdb2: " in done.stderr
    assert "lost" in done.stderr
    assert json.loads(out.read_text())["verdict"]["decision"] == "PASS"
    for text in (done.stdout, done.stderr, out.read_text()):
        assert "SECRET" not in text
