"""Who is told of a run: the scenario's tables and the command line, with one run that tells both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmload import run
from llmload.errors import LlmloadError

SCENARIO = """
name = "told"
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
[load]
rate = "10/s"
duration = "2s"
[export.lines]
kind = "stream"
to = "scenario.jsonl"
[export.alerts]
kind = "webhook"
to = "env:ALERT_URL"
"""
SECRET = "s3cret-part"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    place = tmp_path / "told.toml"
    place.write_text(SCENARIO)
    return place


def llmload(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "llmload", *arguments, "--display", "quiet", "--allow-invalid"]
    environment = {name: value for name, value in os.environ.items() if name != "ALERT_URL"} | variables
    return subprocess.run(line, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_both_are_told_and_no_secret_is_kept(scenario: Path) -> None:
    here = scenario.parent
    alert = f"http://127.0.0.1:1/{SECRET}"
    done = llmload(here, "run", "told.toml", "--stream", "mine.jsonl", "-o", "result.json", ALERT_URL=alert)
    assert done.returncode == 0, done.stderr
    for name in ("scenario.jsonl", "mine.jsonl"):
        assert json.loads((here / name).read_text().splitlines()[-1])["type"] == "end"
    result = (here / "result.json").read_text()
    assert "webhook takes nothing: no connection to it" in json.loads(result)["notes"]
    assert SECRET not in result + done.stdout + done.stderr


def test_the_plan_names_them(scenario: Path) -> None:
    line = [sys.executable, "-m", "llmload", "plan", str(scenario)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
    assert "\ntold: stream scenario.jsonl, webhook env:ALERT_URL\n" in done.stdout


def test_what_a_table_lacks_is_said_by_its_name(scenario: Path) -> None:
    done = llmload(scenario.parent, "run", "told.toml")
    assert done.returncode == 2
    assert "export.alerts (webhook): the variable ALERT_URL is not set" in done.stderr
    with pytest.raises(LlmloadError, match=r"export\.alerts \(webhook\)"):
        run(scenario)


def test_the_tables_can_be_left_out(scenario: Path) -> None:
    mine = scenario.parent / "mine.jsonl"
    run(scenario, no_export=True, export=[f"stream:{mine}"], values={"load.duration": "1s"})
    assert mine.exists()
    assert not (scenario.parent / "scenario.jsonl").exists()
    done = llmload(scenario.parent, "run", "told.toml", "--no-export", "--set", "load.duration=1s")
    assert done.returncode == 0, done.stderr
    assert not (scenario.parent / "scenario.jsonl").exists()


def test_two_streams_on_standard_output_are_refused_wherever_they_are_asked_for(scenario: Path) -> None:
    given = ["--set", "export.lines.to=-", "--stream", "-"]
    done = llmload(scenario.parent, "run", "told.toml", *given, ALERT_URL="http://h/")
    assert done.returncode == 2
    assert "something else goes to standard output" in done.stderr


def test_a_mistake_is_told_with_file_and_line(scenario: Path) -> None:
    scenario.write_text(SCENARIO.replace('"webhook"', '"webhok"'))
    done = llmload(scenario.parent, "run", "told.toml")
    assert done.returncode == 2
    assert "told.toml:15" in done.stderr
    assert "did you mean webhook?" in done.stderr
