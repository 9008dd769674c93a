"""``llmload search`` as a user runs it, with steps in virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from search_runs import in_virtual_time, scenario
from typer.testing import CliRunner

from llmload.app import search as carried_out
from llmload.cli import app
from llmload.errors import LlmloadError
from llmload.reports.searched import SEARCH_SCHEMA

QUICK = ("--hold", "5s", "--warm-up", "2s", "--longest", "10s", "--precision", "20%")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario of chats; whatever runs it does so in virtual time."""
    monkeypatch.setattr(carried_out, "run_real", lambda workers, calibrated: in_virtual_time)
    path = tmp_path / "chats.toml"
    path.write_text(scenario('"ttft.p50 < 400ms"', "slots = 8", rate="2/s"))
    return path


def test_the_answer_goes_to_stdout_progress_to_stderr_and_the_document_to_a_file(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "capacity.json"
    done = CliRunner().invoke(app, ["search", str(file), *QUICK, "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Capacity ")
    assert "step 1: 2.00/s for 2 s + " in done.stderr
    found = json.loads(out.read_bytes())
    jsonschema.validate(found, SEARCH_SCHEMA)
    assert found["key"] == "load.rate"
    assert found["capacity"]["interval"][0] <= found["capacity"]["value"] <= found["capacity"]["interval"][1]


def test_the_document_may_go_down_a_pipe(file: Path) -> None:
    done = CliRunner().invoke(app, ["search", str(file), *QUICK, "--to", "3", "--json", "-"])
    assert json.loads(done.stdout)["capacity"]["ended"] == "highest"
    assert "at least 3.00/s" in done.stderr
    assert done.exit_code == 0


def test_a_target_on_which_nothing_holds_fails(file: Path) -> None:
    done = CliRunner().invoke(app, ["search", str(file), *QUICK, "--from", "1/s", "--fail-on", "ttft.p50<1ms"])
    assert done.exit_code == 1
    assert "No capacity" in done.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--key", "load.users"], "search over load.rate"),
        (["--key", "classes.chat.model"], "classes.chat.model is not in the scenario; say with --from"),
        (["--key", "targets.sim.model"], "is 'sim-model' in the scenario"),
        (["--key", "classes.chat.max_tokens", "--to", "1000000000"], "max_tokens"),
        (["--from", "fast"], "--from: 'fast' is no value"),
        (["--from", "9/s", "--to", "3/s"], "--from 9 is above --to 3"),
        (["--key", "load.rat"], "load.rat is not in the scenario; did you mean load.rate? Else say with --from"),
        (["--key", "clases.chat.weight"], "did you mean classes.chat.weight?"),
        (["--precision", "200%"], "--precision: '200%' is more than all; write \"100%\" at most or a number"),
        (["--precision", "0.1%"], "--precision: 0.1% is too fine"),
        (["--hold", "soon"], "--hold: "),
        (["--hold", "10ms"], "--hold: 10ms is too short"),
        (["--fault", "nonsense"], "nonsense"),
        (["-o", "/nowhere/at/all.json"], "/nowhere/at/all.json"),
    ],
)
def test_what_makes_no_sense_is_named_and_ends_with_2(file: Path, given: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["search", str(file), *QUICK, *given])
    assert isinstance(done.exception, LlmloadError), done.output
    assert int(done.exception.status) == 2
    assert said in str(done.exception)
