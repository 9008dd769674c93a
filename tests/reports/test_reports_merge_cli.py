"""``llmload merge`` writes a result that every other command reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import reports_samples as samples
import typer
from typer.testing import CliRunner, Result

from llmload.cli.merge import merge
from llmload.errors import ResultError, UsageError
from llmload.reports import json_report
from llmload.reports.result import parse_result

app = typer.Typer()
app.command()(merge)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    for number, started in enumerate(("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"), 1):
        made = samples.replace(samples.result(), started=started)
        (tmp_path / f"part-{number}.json").write_bytes(json_report.render(made))
    return tmp_path


def test_files_or_a_pattern_name_the_parts(saved: Path) -> None:
    named = run(str(saved / "part-1.json"), str(saved / "part-2.json"))
    assert named.exit_code == 0
    assert named.stdout_bytes == run(str(saved / "part-*.json")).stdout_bytes
    assert parse_result(named.stdout_bytes, "").summary.planned == 2 * samples.summary().planned


def test_the_sum_goes_to_a_file(saved: Path) -> None:
    done = run(str(saved / "part-*.json"), "--out", str(saved / "run.json"))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"wrote {saved / 'run.json'}\n")
    assert parse_result((saved / "run.json").read_bytes(), "").workers == 4


def test_the_verdict_is_told_if_asked_for(saved: Path) -> None:
    assert run(str(saved / "part-*.json"), "--exit-status").exit_code == 1


def test_what_is_missing_or_alone_is_named(saved: Path) -> None:
    missing = run(str(saved / "part-1.json"), str(saved / "none.json")).exception
    assert isinstance(missing, ResultError)
    assert "none.json" in str(missing)
    assert isinstance(run(str(saved / "part-1.json")).exception, UsageError)
