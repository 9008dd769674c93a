"""``llmload report`` shows saved results, and says plainly what it can't show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import reports_samples as samples
import typer
from typer.testing import CliRunner, Result

from llmload.app import history
from llmload.cli.plot import plot
from llmload.cli.report import report
from llmload.errors import ResultError, UsageError
from llmload.reports import REPORTS, json_report, target_of
from llmload.reports.growing import GrowingDocument
from llmload.reports.result import parse_result
from llmload.reports.text import render
from llmload.verdict.judge import judge

app = typer.Typer()
app.command()(report)
plotting = typer.Typer()
plotting.command()(plot)


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "night.json"
    path.write_bytes(json_report.render(samples.result()))
    return str(path)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def test_a_saved_result_is_shown_as_the_run_showed_it(saved: str) -> None:
    shown = run(saved)
    assert shown.exit_code == 0
    assert shown.stdout == render(samples.result(), 80)


def test_a_result_can_come_from_standard_input(saved: str) -> None:
    assert run("-", stdin=Path(saved).read_bytes()).stdout == run(saved).stdout


def test_a_width_can_be_asked_for(saved: str) -> None:
    assert run(saved, "--width", "120").stdout == render(samples.result(), 120)


def test_json_is_the_document_again(saved: str) -> None:
    assert run(saved, "--format", "json").stdout_bytes == Path(saved).read_bytes()


@pytest.mark.parametrize("format", [name for name in REPORTS if name != "text"])
def test_every_format_can_be_asked_for(saved: str, format: str) -> None:
    assert run(saved, "--format", format).stdout_bytes == REPORTS[format](samples.result())


def test_a_distribution_is_of_the_metric_that_is_asked_for(saved: str) -> None:
    shown = run(saved, "--format", "hgrm", "--metric", "ttft")
    assert shown.stdout.startswith("#[ttft of peak, 2026-03-01T12:00:00Z, in ms]")


def test_a_metric_is_for_distributions_alone(saved: str) -> None:
    assert "add --format hgrm" in str(run(saved, "--metric", "ttft").exception)


def test_a_report_can_go_to_a_file(saved: str, tmp_path: Path) -> None:
    out = tmp_path / "night.txt"
    done = run(saved, "--out", str(out))
    assert (done.stdout, done.stderr) == ("", f"wrote {out}\n")
    assert out.read_text(encoding="utf-8") == render(samples.result(), 80)


def test_a_checkpoint_is_shown_as_far_as_it_goes_and_judged_as_a_whole(tmp_path: Path) -> None:
    """In passing, rolling windows were looked at by their latest one only."""
    result = samples.result()
    in_passing = replace(result, judgements=tuple(judge(samples.OBJECTIVES, result.summary, latest=True)))
    path = tmp_path / "killed.json"
    path.write_bytes(GrowingDocument().render(in_passing.unended("2026-05-04T03:02:01.000+00:00")))
    shown = run(str(path), "--width", "200")
    assert "This run did not end; it was last heard of at 2026-05-04T03:02:01.000+00:00." in shown.stdout
    assert shown.stdout.startswith("INVALID")
    assert run(str(path), "--exit-status").exit_code == 3
    assert parse_result(path.read_bytes(), "").judgements == result.judgements
    assert in_passing.judgements != result.judgements


def test_the_last_run_needs_no_name(saved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    nothing = run("--last")
    assert isinstance(nothing.exception, UsageError)
    assert "no run has left a result" in str(nothing.exception)
    history.link(Path(saved))
    assert run("--last").stdout == run(saved).stdout


@pytest.mark.parametrize("arguments", [(), ("--last", "night.json")])
def test_either_a_name_or_the_last(arguments: tuple[str, ...]) -> None:
    assert "which result?" in str(run(*arguments).exception)


def test_reporting_a_failure_is_a_success_unless_its_status_is_asked_for(saved: str) -> None:
    assert run(saved).exit_code == 0
    assert run(saved, "--exit-status").exit_code == 1


@pytest.mark.parametrize(("content", "words"), [(None, "can't read"), (b"{}", "not a result of llmload")])
def test_what_is_no_result_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_bytes(content)
    error = run(str(path)).exception
    assert isinstance(error, ResultError)
    assert words in str(error)
    assert "other.json" in str(error)


def test_the_suffix_of_the_file_says_the_format(saved: str, tmp_path: Path) -> None:
    for name, begins in (("a.html", b"<!doctype html>"), ("a.json", b"{"), ("a.txt", b"FAIL"), ("a", b"FAIL")):
        out = tmp_path / name
        assert run(saved, "--out", str(out)).exit_code == 0
        assert out.read_bytes().startswith(begins)
    run(saved, "--out", str(tmp_path / "b.html"), "--format", "json")
    assert (tmp_path / "b.html").read_bytes().startswith(b"{")


def test_a_format_that_there_is_not_is_named(saved: str) -> None:
    error = run(saved, "--format", "docx").exception
    assert isinstance(error, UsageError)
    assert "'docx' is no format of a report; there are: json, text, html, markdown" in str(error)


def test_what_was_meant_is_named(saved: str) -> None:
    for arguments, words in (
        (("--format", "htm"), "did you mean html?"),
        (("--format", "hgrm", "--metric", "itll"), "there is no metric 'itll'; did you mean itl?"),
    ):
        with pytest.raises(UsageError) as error:
            raise run(saved, *arguments).exception or AssertionError
        assert words in str(error.value)


def test_a_file_whose_suffix_stands_for_no_format_is_refused(saved: str, tmp_path: Path) -> None:
    name = "x.foo"
    error = run(saved, "--out", name).exception
    assert isinstance(error, UsageError)
    assert "--out: 'x.foo': which format?" in str(error)
    assert ".html, .htm" in str(error)
    assert not (tmp_path / name).exists()
    assert run(saved, "--out", str(tmp_path / name), "--format", "text").exit_code == 0


@pytest.mark.parametrize(
    ("kind", "words"),
    [("llmload-search", "this is a search result: "), ("llmload-comparison", "this is a comparison: ")],
)
def test_another_document_is_called_what_it_is(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(f'{{"kind": "{kind}", "schema_version": "1.0"}}')
    for command in (app, plotting):
        error = CliRunner().invoke(command, [str(path)]).exception
        assert isinstance(error, ResultError)
        assert words in str(error)


def test_help_names_every_format() -> None:
    shown = run("--help").stdout
    assert [name for name in REPORTS if name not in shown] == []


@pytest.mark.parametrize(
    ("given", "name", "path"),
    [
        ("x/night.html", "html", "x/night.html"),
        ("night.HTM", "html", "night.HTM"),
        ("html:-", "html", "-"),
        ("json:x.html", "json", "x.html"),
        ("C:/x.txt", "text", "C:/x.txt"),
    ],
)
def test_where_a_run_writes_reports_and_how(given: str, name: str, path: str) -> None:
    assert target_of(given) == (REPORTS[name], path)


@pytest.mark.parametrize(
    ("given", "words"),
    [("night", "FORMAT:FILE"), ("night.doc", ".html"), ("html:", "names no file"), ("doc:x", "which format")],
)
def test_a_report_without_a_format_is_refused(given: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        target_of(given)
