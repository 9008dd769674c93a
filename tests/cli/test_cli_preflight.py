"""Preflight from the command line: exit status, what is said, and that no key is in anything that was written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

sys.path.insert(0, str(Path(__file__).parent.parent / "observe"))
from ping_servers import served

KEY = "sk-very-secret-key-9876"
SCENARIO = """
name = "mine"
objectives = ["errors.rate <= 0%"]
[targets.main]
base_url = "{url}"
model = "{model}"
api_key = {{ env = "MY_KEY" }}
[classes.c]
prompt = {{ tokens = 20 }}
max_tokens = 5
[load]
rate = "10/s"
duration = "1s"
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SimProcess(SimSpec(models=("sim-a", "sim-b"), keys={KEY: {}}, answer="max", step=0.002)) as simulator:
        yield f"{simulator.root}/v1"


def llmload(*words: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MY_KEY": key}
    command = [sys.executable, "-m", "llmload", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)


def scenario(folder: Path, url: str, model: str = "sim-a") -> str:
    path = folder / "mine.toml"
    path.write_text(SCENARIO.format(url=url, model=model))
    return str(path)


def test_a_run_that_passes_leaves_no_key_in_anything_it_wrote(url: str, tmp_path: Path) -> None:
    places = [str(tmp_path / name) for name in ("r.json", "r.html", "r.md", "calls.jsonl", "stream.jsonl")]
    done = llmload(
        "run", scenario(tmp_path, url), "--allow-invalid", "-o", places[0], "--report", places[1], "--report",
        places[2], "--requests", places[3], "--stream", places[4],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = orjson.loads(Path(places[0]).read_bytes())
    assert result["ping"]["main"]["before"]["status"] == 404
    assert result["ping"]["main"]["after"]["steps"]["tcp"]["tried"] == 5
    assert "of which" in done.stdout
    written = done.stdout + done.stderr + "".join(path.read_text() for path in tmp_path.iterdir())
    assert KEY not in written


@pytest.mark.parametrize("command", ["run", "search"])
def test_a_model_that_is_missing_ends_in_usage_before_anything_is_sent(url: str, tmp_path: Path, command: str) -> None:
    done = llmload(command, scenario(tmp_path, url, "sim-aa"))
    assert done.returncode == 2
    assert "has no model 'sim-aa': did you mean sim-a? it lists sim-a, sim-b" in done.stderr
    assert "--skip-preflight runs all the same" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_is_refused_is_named_by_its_variable(url: str, tmp_path: Path) -> None:
    done = llmload("run", scenario(tmp_path, url), key="sk-not-the-right-one-1")
    assert done.returncode == 2
    assert "refuses the key from $MY_KEY: HTTP 401" in done.stderr
    assert "not-the-right-one" not in done.stdout + done.stderr


def test_skipped_it_is_the_run_that_finds_out(url: str, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    done = llmload("run", scenario(tmp_path, url, "sim-aa"), "--skip-preflight", "--allow-invalid", "-o", str(out))
    assert done.returncode == 1, done.stderr
    assert orjson.loads(out.read_bytes())["verdict"]["decision"] == "FAIL"


def test_bench_looks_too(url: str) -> None:
    done = llmload("bench", url, "-m", "sim-c", "--api-key-env", "MY_KEY", "-d", "1s")
    assert done.returncode == 2
    assert "has no model 'sim-c'" in done.stderr


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    done = llmload("run", scenario(tmp_path, "http://127.0.0.1:1/v1"))
    assert done.returncode == 4
    assert "can't be reached" in done.stderr


def test_ctrl_c_does_not_wait_for_an_answer(tmp_path: Path) -> None:
    asked = threading.Event()
    with served(lambda number, request: asked.set()) as port:
        command = [sys.executable, "-m", "llmload", "run", scenario(tmp_path, f"http://127.0.0.1:{port}/v1")]
        env = {**os.environ, "MY_KEY": KEY}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
            asked.wait(30)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.decode().endswith("llmload: Ctrl-C: the run had not begun, and nothing was sent\n")
