"""``llmload compare``: sides, options, exit status."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reports"))
import comparison_samples as samples

from llmload.cli import app
from llmload.errors import LlmloadError, ResultError, UsageError
from llmload.metrics.summary import Summary
from llmload.reports import json_report
from llmload.reports.result import Result
from llmload.verdict.validity import Level, Reason, Validity


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, result in (("base-1", samples.valid()), ("base-2", samples.valid()), ("new", samples.slower())):
        Path(f"{name}.json").write_bytes(json_report.render(result))


def compared(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["compare", *arguments])
    if isinstance(done.exception, LlmloadError):
        raise done.exception
    return done.exit_code, done.stdout


def test_a_regression_ends_with_1_where_that_is_asked_for() -> None:
    status, text = compared("base-1.json", "new.json")
    assert (status, text.splitlines()[0]) == (0, "WORSE  new against base-1")
    assert compared("base-1.json", "new.json", "--fail-on-regression")[0] == 1
    assert compared("new.json", "base-1.json", "--fail-on-regression")[0] == 0
    assert compared("base-1.json", "new.json", "--fail-on-regression", "--min-effect", "60%")[0] == 0


def test_sides_are_lists_patterns_and_may_have_names() -> None:
    for side in ("base-1.json,base-2.json", "base-*.json"):
        document = json.loads(compared(f"before={side}", "new.json", "--format", "json")[1])
        assert (document["first"]["name"], len(document["first"]["runs"])) == ("before", 2)
    document = json.loads(compared("base-*.json", "new.json", "--format", "json")[1])
    assert document["first"]["name"] == "base"


def test_sides_of_one_name_are_numbered() -> None:
    assert "base-1 (2) against base-1 (1)" in compared("base-1.json", "base-1.json")[1]


def test_figures_can_be_chosen() -> None:
    text = compared("base-1.json", "new.json", "--figure", "ttft.p50,errors.rate", "--min-effect", "ttft.p50=5%")[1]
    assert "ttft.p50" in text
    assert "latency" not in text.split("\n\n", 2)[-1].split("figures:")[0]


def test_output_goes_to_a_file_and_that_is_said() -> None:
    arguments = ["compare", "base-1.json", "new.json", "--format", "markdown", "--out", "comment.md"]
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "wrote comment.md\n")
    assert Path("comment.md").read_text().startswith("### ❌ llmload: worse")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["base-1.json"], UsageError, "two results or more"),
        ([",", "base-1.json"], UsageError, "',' names no file"),
        (["base-1.json", "a=,"], UsageError, "'a=,' names no file"),
        (["base-1.json", "none.json"], ResultError, "no such file"),
        (["base-1.json", "none-*.json"], ResultError, "no file matches"),
        (["base-1.json", "new.json", "--figure", "latenzy.mean"], UsageError, "did you mean latency.mean"),
        (["base-1.json", "new.json", "--min-effect", "20 percent"], UsageError, "--min-effect: '20 percent'"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], error: type[LlmloadError], says: str) -> None:
    with pytest.raises(error, match=says):
        compared(*arguments)


def saved(name: str, result: Result) -> str:
    Path(name).write_bytes(json_report.render(result))
    return name


def of_class(name: str) -> Result:
    """The sample result with every call of another class."""
    made = samples.valid()
    summary = Summary.from_json(made.summary.to_json())
    summary.cells = {key._replace(cls=name): cell for key, cell in summary.cells.items()}
    return replace(made, summary=summary)


@pytest.mark.parametrize("format", ["text", "markdown", "html", "json"])
def test_no_class_in_common_is_no_pass(format: str) -> None:
    other = saved("other.json", of_class("elsewhere"))
    for more in ([], ["--fail-on-regression"]):
        done = CliRunner().invoke(app, ["compare", "base-1.json", other, "--format", format, *more])
        assert isinstance(done.exception, UsageError)
        assert "no request class in common: base-1 has chat" in str(done.exception)
        assert "other has elsewhere" in str(done.exception)
        assert "nothing to compare" in done.stdout.lower()
        assert "no regression found" not in done.stdout.lower()


def test_a_figure_that_a_side_lacks_is_named() -> None:
    with pytest.raises(UsageError, match=r"--figure: vectors_per_second\.mean: none in base-1 and new"):
        compared("base-1.json", "new.json", "--figure", "latency.mean,vectors_per_second.mean")


def test_where_nothing_can_be_decided_nothing_is_proven() -> None:
    why = Validity(Level.INVALID, (Reason("x", Level.INVALID, "the machine was busy"),))
    bad = saved("bad.json", replace(samples.valid(), validity=why))
    status, text = compared("base-1.json", bad)
    assert (status, text.splitlines()[0]) == (0, "CAN'T SAY  bad against base-1")
    assert compared("base-1.json", bad, "--fail-on-regression")[0] == 3


def test_how_many_figures_could_be_decided_is_said() -> None:
    text = compared("base-1.json", "base-2.json", "--fail-on-regression")[1].splitlines()[0]
    document = json.loads(compared("base-1.json", "base-2.json", "--format", "json")[1])
    rows = document["others"][0]["rows"]
    open_ = sum(row["verdict"] == "can't say" for row in rows)
    assert 0 < open_ < len(rows)
    assert f"NO REGRESSION FOUND in {len(rows) - open_} of {len(rows)} figures; {open_} can't say" in text
    assert document["outcome"] == "no regression found"
