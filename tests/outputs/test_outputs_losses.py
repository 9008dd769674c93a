"""What outputs have to say at the end of a run, such as what they lost, stands in its result and in every report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from llmload.app.reading import result_at
from llmload.reports import REPORTS
from tests.outputs.servers import free_port

SHORT = ["--set", "load.duration=2s", "--set", "limits.drain=2s"]


def llmload(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "llmload", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that told a database and a StatsD server that are not there: its result, and the port of both."""
    place, port = tmp_path_factory.mktemp("lost") / "result.json", str(free_port())
    dead = ["--export", f"influxdb:http://127.0.0.1:{port}/load", "--export", f"statsd:{port}"]
    done = llmload("run", "quickstart", *SHORT, *dead, "-o", str(place))
    assert done.returncode in (0, 3), done.stderr
    assert "parcels lost" in done.stderr
    assert "parcels lost" in done.stdout
    return place, port


def test_the_saved_result_says_it(run: tuple[Path, str]) -> None:
    place, port = run
    notes = json.loads(place.read_text())["notes"]
    assert "influxdb takes nothing: no connection to it" in notes
    assert any(re.fullmatch(r"influxdb: (\d+) of \1 parcels lost", note) for note in notes), notes
    assert f"statsd: nothing seems to listen on 127.0.0.1:{port}, or it is too slow" in notes
    assert any(re.fullmatch(r"statsd: \d+ of \d+ datagrams refused", note) for note in notes), notes
    assert len(set(notes)) == len(notes)


@pytest.mark.parametrize("format", ["text", "json", "markdown", "html", "junit"])
def test_every_report_says_it(run: tuple[Path, str], format: str) -> None:
    said = REPORTS[format](result_at(run[0])).decode()
    assert "parcels lost" in said
    assert "datagrams refused" in said
