"""``llmload history``: directories, options, exit status."""

from __future__ import annotations

import json
from pathlib import Path

import history_samples as samples
import pytest
import typer
from typer.testing import CliRunner, Result

from llmload.cli.history import history
from llmload.errors import ResultError, UsageError

app = typer.Typer()
app.command()(history)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("nights")
    samples.save(directory)
    return str(directory)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def document(*arguments: str) -> dict:
    return json.loads(run(*arguments, "--format", "json").stdout)


def test_what_cannot_be_read_is_named_and_the_rest_shown(nights: str) -> None:
    shown = run(nights)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("WORSE  night\n28 runs from 2026-02-01 03:00 to 2026-02-28 03:00; 2 left out")
    told = shown.stderr.splitlines()
    assert len(told) == 2
    assert "damaged.json" in told[0]
    assert "not a result of llmload" in told[1]


def test_a_change_ends_with_1_where_that_is_asked_for(nights: str) -> None:
    assert run(nights, "--fail-on-change").exit_code == 1
    assert run(nights, "--fail-on-change", "--last", "7").exit_code == 0
    assert run(nights, "--fail-on-change", "--min-effect", "50%").exit_code == 0
    assert run(nights, "--fail-on-change", "--figure", "ttft.p50,errors.rate").exit_code == 0


def test_figures_can_be_chosen_and_cut_by_class(nights: str) -> None:
    (found,) = document(nights, "--figure", "latency.mean", "--class", "chat")["histories"]
    assert [each["figure"] for each in found["figures"]] == ["latency.mean"]


def test_everything_can_be_counted(nights: str) -> None:
    (found,) = document(nights, "--all")["histories"]
    assert (len(found["runs"]), found["left_out"]) == (30, [])


def test_markdown_goes_to_a_file(nights: str, tmp_path: Path) -> None:
    out = tmp_path / "history.md"
    done = run(nights, "--format", "markdown", "--out", str(out))
    assert done.stdout == ""
    assert done.stderr.endswith(f"wrote {out}\n")
    assert out.read_text("utf-8").startswith("## 🔴 WORSE: night\n")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["nowhere"], ResultError, "there is no such directory"),
        ([__file__], ResultError, "it is a file; name the directory"),
        (["{nights}", "--class", "caht"], UsageError, "there is no class 'caht'; did you mean chat"),
        (["{nights}", "--scenario", "soak"], ResultError, "no result of scenario 'soak'"),
        (["{nights}", "--scenario", "soak"], ResultError, "there are: night"),
        (["{nights}", "--figure", "latency.p9x"], UsageError, "--figure"),
    ],
)
def test_bad_input_is_named(nights: str, arguments: list[str], error: type[Exception], words: str) -> None:
    found = run(*(part.format(nights=nights) for part in arguments)).exception
    assert isinstance(found, error)
    assert words in str(found)


def test_an_empty_directory_has_no_result(tmp_path: Path) -> None:
    assert "no result in" in str(run(str(tmp_path)).exception)
