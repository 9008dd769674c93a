"""``--trace`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmload.cli import app
from llmload.errors import ScenarioError, UsageError

QUICK = ("--set", "load.duration=2s", "--display", "quiet", "--allow-invalid")


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_ids_stand_in_the_log_the_result_and_the_report(tmp_path: Path) -> None:
    out, log = tmp_path / "out.json", tmp_path / "calls.jsonl"
    said = invoke("run", "quickstart", *QUICK, "--trace", "100%", "-o", str(out), "--requests", str(log))
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(row["sampled"] for row in rows)
    result = json.loads(out.read_text())
    slowest = result["figures"]["slowest"][0]
    assert slowest["trace_id"] in {row["trace_id"] for row in rows}
    assert slowest["sampled"]
    assert slowest["trace_id"] in said
    assert result["scenario"]["source"]["tracing"] == {"share": "100%"}


def test_bench_writes_it_into_the_scenario_that_it_prints() -> None:
    text = invoke("bench", "sim:", "--trace", "10%", "--print-scenario")
    assert '[tracing]\nshare = "10%"\n' in text
    assert "[tracing]" not in invoke("bench", "sim:", "--print-scenario")


def test_a_single_call_shows_the_header_it_was_sent_with() -> None:
    assert "\n> traceparent: 00-" in invoke("bench", "sim:", "--trace", "1", "--debug")


@pytest.mark.parametrize("command", [("run", "quickstart", *QUICK), ("bench", "sim:")])
@pytest.mark.parametrize("share", ["often", "3", "150%", "-1"])
def test_what_is_no_share_is_said(command: tuple[str, ...], share: str) -> None:
    with pytest.raises((UsageError, ScenarioError), match="--trace: "):
        invoke(*command, "--trace", share)
