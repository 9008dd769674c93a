from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import orjson
import pytest

from llmload.cli.sim import _spec
from llmload.errors import UsageError


def test_the_command_line_goes_over_the_file_and_faults_are_added(tmp_path: Path):
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('name = "x"\n[sim]\nslots = 7\nstep = "20ms"\nfaults = [{ kind = "hang", rate = "1%" }]\n')
    spec = _spec(scenario, {"slots": 3}, ["error:rate=20%"])
    assert (spec.slots, spec.step) == (3, 0.02)
    assert [fault.kind for fault in spec.faults] == ["hang", "error"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sim]\nslots = 0\n", "sim.slots: Input should be greater than or equal to 1"),
        ('[sim]\nstep = "quick"\n', "is not a duration"),
        ("[sim\n", "scenario.toml"),
        ("sim = 3\n", "sim must be a table"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, says: str):
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(text)
    with pytest.raises(UsageError) as caught:
        _spec(scenario, {}, [])
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="can't read"):
        _spec(tmp_path / "none.toml", {}, [])


def test_it_prints_its_address_serves_and_ends_cleanly_on_ctrl_c(tmp_path: Path):
    log = tmp_path / "truth.jsonl"
    code = "import typer; from llmload.cli.sim import sim; typer.run(sim)"
    command = [sys.executable, "-c", code, "--port", "0", "--truth-log", str(log), "--model", "mine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().decode().strip()
            with urllib.request.urlopen(f"{url}/models", timeout=10) as answer:
                assert orjson.loads(answer.read())["data"][0]["id"] == "mine"
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            told = process.stderr.read().decode()
            assert "Traceback" not in told
            root = url.removesuffix("/v1")
            lines = {line.split()[0]: line for line in told.splitlines() if line.startswith("  http")}
            assert "openai" in lines[url]
            assert "anthropic" in lines[f"{root}/anthropic/v1"]
            assert "bedrock" in lines[root]
        finally:
            process.kill()
    assert orjson.loads(log.read_bytes())["route"] == "models"
