"""``llmload calibrate`` as a user runs it, and what runs make of it afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from llmload.calibration.calibration import Calibration, Noise, Step
from llmload.calibration.cost import Cost
from llmload.calibration.store import fingerprint, look_up, save
from llmload.cli import app
from llmload.cli.calibrate_text import render
from llmload.errors import ExitStatus, UsageError
from llmload.metrics.precision import Deviation
from llmload.reports.result import parse_result
from llmload.reports.style import Style

LATE = Deviation(310e-6, 310e-6, 1.2e-3, 300e-6, 800e-6)
MADE = Calibration(
    made="2026-11-20T10:00:00+00:00",
    machine=fingerprint(),
    cost=Cost(0.02, 300e-6, 15e-6, 0.004),
    steps=(
        Step("stream", 25, 25, 1000, 60, {"ttft": LATE, "latency": LATE, "itl": replace(LATE, bias=-20e-6)}),
        Step("stream", 400, 390, 15_600, 900, dict.fromkeys(("ttft", "latency", "itl"), replace(LATE, p99=9e-3))),
        Step("stream", 900, 700, 28_000, 1500, dict.fromkeys(("ttft", "latency", "itl"), replace(LATE, p99=0.3))),
        Step("whole", 100, 100, 0, 250, {"latency": LATE}),
    ),
    notes=("streams: no higher load than 900/s was tried, as the worker was at its limit",),
)
BENCH = ("bench", "sim:", "-d", "1s", "--max-tokens", "5", "--allow-invalid", "--display", "quiet")


def llmload(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmload", *args],
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "NO_COLOR": "1", "XDG_STATE_HOME": str(home)},
    )


def at_once(home: Path, *args: str) -> Result:
    """What sends nothing, without a process of its own."""
    return CliRunner().invoke(app, [*args], env={"XDG_STATE_HOME": str(home), "NO_COLOR": "1"})


def test_a_calibration_is_made_told_and_kept(tmp_path: Path) -> None:
    done = llmload(tmp_path, "calibrate", "--quick", "--each", "700ms", "--json", "-")
    if done.returncode == ExitStatus.INVALID and "when the machine is idle" in done.stderr:
        pytest.skip("this machine is too busy with other things")
    assert done.returncode == 0, done.stderr
    made = Calibration.from_json(json.loads(done.stdout))
    assert look_up(tmp_path / "llmload" / "calibration.json").calibration == made
    assert made.steps
    assert all(deviation.bias > 0 for step in made.of("stream") for deviation in [step.metrics["ttft"]])
    assert "load 1 of 3" in done.stderr
    assert "the ceiling of this machine" in done.stderr


@pytest.fixture
def calibrated(tmp_path: Path) -> Path:
    save(MADE, tmp_path / "llmload" / "calibration.json")
    return tmp_path


def test_a_run_without_a_calibration_says_how_to_make_one_and_claims_nothing(tmp_path: Path) -> None:
    done = llmload(tmp_path, *BENCH, "--json", "-")
    assert json.loads(done.stdout)["error_bar"] is None
    assert "llmload calibrate" in done.stderr
    assert "Error bar" not in done.stderr


def test_a_run_warns_beforehand_and_says_afterwards_how_exact_its_times_are(calibrated: Path) -> None:
    out = calibrated / "result.json"
    load = ("--rate", "30000/s", "--calls", "20", "--out", str(out))
    done = llmload(calibrated, *BENCH[:-1], "plain", *load)
    lines = done.stderr.splitlines()
    assert "times what 1 worker can measure here" in lines[1]
    said = " ".join(done.stdout.split())
    assert "note: the planned peak of 30000/s" in said
    assert "Error bar" in said
    assert "as calibrated on 2026-11-20 against a simulator on the same machine" in said
    assert "llmload calibrate" not in said
    bar = parse_result(out.read_bytes(), "result.json").error_bar
    assert bar is not None
    assert bar.calibrated == MADE.made
    assert list(bar.metrics) == ["ttft", "latency", "itl"]


def test_plan_warns_too(calibrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    path.write_text(at_once(calibrated, "bench", "sim:", "-r", "30000/s", "--print-scenario").stdout)
    beyond = "the planned peak of 30000/s"
    assert f"warning: {beyond}" in " ".join(at_once(calibrated, "plan", str(path)).stdout.split())
    warned = json.loads(at_once(calibrated, "plan", str(path), "--json").stdout)["warnings"]
    assert [text for text in warned if text.startswith(beyond)]
    assert json.loads(at_once(calibrated, "plan", "quickstart", "--json").stdout)["warnings"] == []


@pytest.mark.parametrize(
    ("each", "says"), [("soon", "'soon' is not a duration"), ("10ms", "too short"), ("2m", "too long")]
)
def test_a_length_that_makes_no_sense_is_refused(each: str, says: str, tmp_path: Path) -> None:
    error = at_once(tmp_path, "calibrate", "--each", each).exception
    assert isinstance(error, UsageError)
    assert str(error).startswith("--each: ")
    assert says in str(error)


def test_the_table_says_the_ceiling_the_deviations_and_up_to_where_they_are_small() -> None:
    text = render(MADE, Style(80, False, True))
    assert text.startswith("52,000 events/s or 2,600 requests/s or 433 streams/s of 100 tokens\n")
    assert "15.0 µs per event, 300 µs per call" in text
    assert "25.0/s, 1,000 events/s: 2.9% of the ceiling\n  TTFT" in text
    assert "700/s (of 900/s planned), 28,000 events/s" in text
    assert "\nstreams: 99 % of all times within 5.00 ms of the truth up to 25.0/s" in text
    assert "note: streams: no higher load than 900/s was tried, as the worker was at its limit" in " ".join(
        text.split()
    )
    assert "DISTURBED" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_disturbed_calibration_says_so_first_and_last() -> None:
    noisy = replace(MADE.steps[0], noise=Noise(others=0.6))
    text = render(replace(MADE, steps=(noisy, *MADE.steps[1:]), noise=Noise(0.5, 0.02)), Style(80, False, True))
    assert "of the ceiling (disturbed)" in text
    assert "DISTURBED: other processes used 50% of this machine meanwhile, the hypervisor took 2%." in " ".join(
        text.split()
    )


def test_where_only_ascii_can_be_shown_only_ascii_is() -> None:
    assert render(MADE, Style(80, False, False)).isascii()


def test_a_check_says_whether_the_machine_can_be_trusted_and_keeps_nothing(tmp_path: Path) -> None:
    out = tmp_path / "check.json"
    done = llmload(tmp_path, "calibrate", "--check", "--repeat", "2", "--each", "700ms", "--json", str(out))
    document = json.loads(out.read_text())
    assert done.returncode == (0 if document["stable"] else ExitStatus.INVALID), done.stderr
    assert done.stdout.startswith("STABLE" if document["stable"] else "NOT STABLE")
    assert len(document["loads"]) == 2
    assert document["stable"] is (document["problems"] == [])
    assert "medians" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["check.json"]
