"""``--export`` and ``--stream`` on the command line: what goes where, and that no secret is seen."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmload.reports.result import Result
from tests.outputs.otlp_receiver import metrics_of, plain, points_of, receiver

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
    secrets = {
        "INFLUX_TOKEN": "sk-SECRET1", "ALERT_URL": "http://127.0.0.1:1/sk-SECRET2", "REMOTE_WRITE_TOKEN": "sk-SECRET3",
    }  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"influxdb2:http://127.0.0.1:{silent.getsockname()[1]}/org/bucket"
        before = time.monotonic()
        out = tmp_path / "out.json"
        exports = (where, "webhook:env:ALERT_URL", "remote-write:http://127.0.0.1:1/w")
        options = [part for export in exports for part in ("--export", export)]
        done = run(*SHORT, *options, "-o", str(out), **secrets)
        assert time.monotonic() - before < 40
    assert done.returncode == 0, done.stderr
    assert "influxdb2 takes nothing: no answer in 3 s" in done.stderr
    assert "influxdb2: " in done.stderr
    assert "remote-write takes nothing: no connection to it" in done.stderr
    assert "lost" in done.stderr
    assert json.loads(out.read_text())["verdict"]["decision"] == "PASS"
    for text in (done.stdout, done.stderr, out.read_text()):
        assert "SECRET" not in text


def test_a_collector_has_what_the_result_has(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with receiver() as collector:
        secret = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20sk-SECRET3"}
        done = run(*SHORT, "--fault", "error:rate=20%", "--export", f"otlp:{collector.url}", "-o", str(out), **secret)
    assert done.returncode in (0, 1), done.stderr
    assert "otlp" not in done.stderr.replace(f"otlp:{collector.url}", "")
    summary = Result.from_json(json.loads(out.read_text())).summary
    told = [metrics_of(request) for request in collector.metrics]
    assert len(told) >= 3
    assert {headers["authorization"] for headers in collector.headers} == {"Bearer sk-SECRET3"}
    counts = [points_of(each["llmload.completed_calls"])[0].as_int for each in told]
    assert counts == sorted(counts)
    assert counts[-1] == summary.completed > 10
    cells = {(key.cls, key.phase): part for key, part in summary.cells.items()}
    for metric, value in (
        ("llmload.input_tokens", lambda part: part.input_tokens),
        ("llmload.goodput_calls", lambda part: part.goodput),
    ):  # fmt: skip
        found = {_cell(point): point.as_int for point in points_of(told[-1][metric])}
        assert found == {key: value(part) for key, part in cells.items()}
    outcomes = {(*_cell(point), plain(point.attributes)["llmload.outcome"]): point.as_int
                for point in points_of(told[-1]["llmload.calls"])}  # fmt: skip
    assert outcomes == {(*key, str(name)): n for key, part in cells.items() for name, n in part.outcomes.items()}
    for metric, name in (("llmload.ttft", "ttft"), ("llmload.itl", "itl"), ("llmload.latency_send", "latency_send")):
        for point in points_of(told[-1][metric]):
            histogram = cells[_cell(point)].histogram(name)
            assert point.count == sum(point.positive.bucket_counts) + point.zero_count == histogram.count
            assert point.sum == pytest.approx(histogram.total * 1e-6)
    for text in (done.stdout, done.stderr, out.read_text(), *map(str, collector.metrics)):
        assert "SECRET" not in text


def _cell(point: Any) -> tuple[str, str]:
    names = plain(point.attributes)
    return names["llmload.class"], names["llmload.phase"]
