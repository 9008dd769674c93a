"""``--observe`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmload.cli import app
from llmload.errors import ScenarioError

QUICK = ("--set", "load.duration=3s", "--display", "quiet", "--allow-invalid")
EVERY = ("--observe", "vllm", "--observe", "target", "--observe", "/health")


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_metrics_process_and_probe_are_seen_without_a_word_in_the_scenario(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    invoke("run", "quickstart", *QUICK, *EVERY, "-o", str(out))
    seen = json.loads(out.read_text())["figures"]["observed"]
    assert set(seen) == {"vllm", "process", "probe"}
    assert seen["vllm"]["running"]["max"] > 0
    assert seen["process"]["memory"]["max"] > 2**20


def test_bench_writes_them_into_the_scenario_that_it_prints() -> None:
    text = invoke("bench", "sim:", *EVERY, "--print-scenario")
    assert '[observe.vllm]\nmetrics = "target"\nset = "vllm"\n' in text
    assert '[observe.process]\nprocess = "target"\n' in text
    assert '[observe.probe]\nprobe = "/health"\n' in text


@pytest.mark.parametrize(
    ("command", "place"), [(("run", "quickstart"), "observe.vlm"), (("bench", "sim:"), "--observe")]
)
def test_what_is_no_set_is_said_with_what_was_meant(command: tuple[str, ...], place: str) -> None:
    with pytest.raises(ScenarioError, match=rf"{place}.*(\n.*)*did you mean vllm"):
        invoke(*command, "--observe", "vlm")
