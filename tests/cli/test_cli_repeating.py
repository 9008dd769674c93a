"""Several runs of one command, and a baseline: where results go, what is said, which status it ends with."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reports"))
import comparison_samples as samples

from llmload.analysis.compare import Measure
from llmload.analysis.figure import Figure
from llmload.cli.repeating import again, numbered
from llmload.cli.scenario_options import read_plan
from llmload.errors import ExitStatus, ResultError, UsageError
from llmload.metrics.summary import Summary
from llmload.reports import json_report
from llmload.reports.repeated import render, repeated
from llmload.reports.style import Style
from llmload.verdict.validity import Level, Reason, Validity

SCENARIO = """
name = "short"
objectives = ["errors.rate < 50%"]
[compare]
figures = ["latency.mean"]
min_effect = "40%"
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
max_tokens = 2
[load]
process = "uniform"
rate = "20/s"
duration = "1s"
"""


def plan(tmp_path: Path):  # type: ignore[no-untyped-def]
    path = tmp_path / "short.toml"
    path.write_text(SCENARIO)
    return read_plan(str(path), None, None, None, None, None, None)


def saved(tmp_path: Path, name: str, result: object) -> str:
    path = tmp_path / name
    path.write_bytes(json_report.render(result))  # type: ignore[arg-type]
    return str(path)


@pytest.mark.parametrize(
    ("place", "run", "of", "made"),
    [
        ("r.json", 1, 1, "r.json"),
        ("r.json", 2, 3, "r-2.json"),
        ("out/calls.jsonl.gz", 12, 20, "out/calls-12.jsonl.gz"),
        ("r", 1, 2, "r-1"),
        ("-", 1, 1, "-"),
    ],
)
def test_each_run_has_a_file_of_its_own(place: str, run: int, of: int, made: str) -> None:
    assert numbered(place, run, of) == made


@pytest.mark.parametrize("place", ["-", "/dev/null"])
def test_what_takes_one_result_takes_no_two(place: str) -> None:
    with pytest.raises(UsageError, match="makes 2 results"):
        numbered(place, 1, 2)


def test_the_first_run_is_told_how_to_make_a_baseline(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no baseline 'none\.json' yet.*\n.*llmload run ci --repeat 5"):
        again(plan(tmp_path), 1, "none.json", None, "ci")


def test_a_damaged_baseline_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ResultError, match=r"bad\.json: not JSON"):
        again(plan(tmp_path), 1, str(tmp_path / "bad.json"), None, "ci")


def test_the_scenario_says_what_matters_and_the_command_line_more(tmp_path: Path) -> None:
    base = saved(tmp_path, "base.json", samples.valid())
    more = again(plan(tmp_path), 1, base, ["latency.p95=30%"], "x")
    assert more.measure is not None
    assert more.measure.effects == {"": 0.4, "latency.p95": 0.3}
    assert [str(figure) for figure in more.measure.figures] == ["latency.mean"]
    with pytest.raises(UsageError, match="there is none"):
        again(plan(tmp_path), 1, None, ["20%"], "x")
    with pytest.raises(UsageError, match="--min-effect: 'much'"):
        again(plan(tmp_path), 1, base, ["much"], "x")


def test_worse_than_the_baseline_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    base = saved(tmp_path, "base.json", samples.valid())
    more = again(plan(tmp_path), 1, base, ["20%"], "x")
    more.results.append(samples.slower())
    assert more.conclude(to_stderr=False) is ExitStatus.FAIL
    assert "WORSE  this run against base" in capfd.readouterr().out
    same = again(plan(tmp_path), 1, base, ["20%"], "x")
    same.results.append(samples.valid())
    assert same.conclude(to_stderr=True) is ExitStatus.PASS
    assert "NO REGRESSION FOUND" in capfd.readouterr().err


def test_a_baseline_without_what_is_compared_is_refused_before_the_run(tmp_path: Path) -> None:
    base = saved(tmp_path, "base.json", samples.valid())
    asked = replace(plan(tmp_path), compare=Measure((Figure("latency", "mean"), Figure("vectors_per_second", "mean"))))
    with pytest.raises(UsageError, match=r"base has nothing to compare of vectors_per_second\.mean"):
        again(asked, 1, base, None, "x")


def test_nothing_proven_is_no_pass(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    base = saved(tmp_path, "base.json", samples.valid())
    proves_nothing = Validity(Level.INVALID, (Reason("x", Level.INVALID, "the machine was busy"),))
    unclear = again(plan(tmp_path), 1, base, None, "x")
    unclear.results.append(replace(samples.valid(), validity=proves_nothing))
    assert unclear.conclude(to_stderr=False) is ExitStatus.INVALID
    assert "CAN'T SAY" in capfd.readouterr().out
    elsewhere = samples.valid()
    summary = Summary.from_json(elsewhere.summary.to_json())
    summary.cells = {key._replace(cls="other"): cell for key, cell in summary.cells.items()}
    nothing = again(plan(tmp_path), 1, base, None, "x")
    nothing.results.append(replace(elsewhere, summary=summary))
    assert nothing.conclude(to_stderr=False) is ExitStatus.USAGE
    out = capfd.readouterr().out
    assert "NOTHING TO COMPARE" in out
    assert "no request class in common" in out


def test_runs_together_have_an_interval() -> None:
    runs = [samples.slower(factor) for factor in (1.0, 1.1, 1.05)]
    rows = {(row.cls, str(row.figure)): row for row in repeated(runs, Measure())}
    row = rows["chat", "latency.mean"]
    assert row.least < row.mean.value < row.most
    assert row.interval[0] < row.mean.value < row.interval[1]
    text = render(runs, Measure(), Style(80, unicode=False))
    assert text.isascii()
    assert text.splitlines()[0].startswith("3 runs")
    assert render(runs[:1], Measure(), Style()) == ""


def test_from_the_baseline_to_the_verdict(tmp_path: Path) -> None:
    """Over real sockets: two runs make a baseline; a target four times as slow ends with 1."""
    (tmp_path / "short.toml").write_text(SCENARIO)

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "llmload",
            "run",
            "short.toml",
            "--display",
            "quiet",
            "--allow-invalid",
            *options,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=tmp_path)

    made = run("--repeat", "2", "-o", "base.json")
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["base-1.json", "base-2.json"]
    assert "2 runs" in made.stdout
    slow = run("--baseline", "base-*.json", "--fault", "slow:factor=4", "--json", "-")
    document = json.loads(slow.stdout)
    invalid = document["validity"]["level"] == "INVALID" or any(
        json.loads(path.read_bytes())["validity"]["level"] == "INVALID" for path in tmp_path.glob("base-*.json")
    )
    assert ("CAN'T SAY" if invalid else "WORSE  this run against base") in slow.stderr
    assert slow.returncode == (0 if invalid else 1)
