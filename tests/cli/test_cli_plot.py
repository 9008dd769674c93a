"""``llmload plot`` draws charts of saved results, and says plainly what it can't draw."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))
import reports_samples as samples

from llmload.cli.plot import plot
from llmload.errors import ResultError, UsageError
from llmload.reports import json_report
from llmload.reports.charts import CHARTS

app = typer.Typer()
app.command()(plot)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def saved(tmp_path: Path) -> list[str]:
    paths = [tmp_path / name for name in ("before.json", "after.json")]
    for path in paths:
        path.write_bytes(json_report.render(samples.result()))
    return list(map(str, paths))


def test_one_result_as_svg(saved: list[str], tmp_path: Path) -> None:
    out = tmp_path / "x.svg"
    assert run(saved[0], "--chart", "ttft", "--out", str(out), "--width", "500").exit_code == 0
    made = out.read_text()
    assert made.startswith("<svg")
    assert "Time to first token over time" in made
    assert 'width="500"' in made


def test_several_results_as_points_are_named_after_their_files(saved: list[str], tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    assert run(*saved, "--chart", "latency-percentiles", "--out", str(out)).exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert run(*saved, "--chart", "latency", "--out", str(out.with_suffix(".svg"))).exit_code == 0
    made = out.with_suffix(".svg").read_text()
    assert ">before<" in made
    assert ">after<" in made


def test_results_of_the_same_name_are_told_apart_by_their_place(saved: list[str], tmp_path: Path) -> None:
    other = tmp_path / "x" / "before.json"
    other.parent.mkdir()
    other.write_bytes(Path(saved[0]).read_bytes())
    out = tmp_path / "x.svg"
    assert run(saved[0], str(other), "--out", str(out)).exit_code == 0
    assert ">x/before<" in out.read_text()


def test_without_a_name_for_it_the_picture_goes_beside_where_one_is(
    saved: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = run(saved[0], "--dark")
    assert (made.exit_code, made.stdout, made.stderr) == (0, "", "wrote load.svg\n")
    assert "#12171e" in (tmp_path / "load.svg").read_text()


def test_all_charts_are_listed() -> None:
    listed = run("--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(CHARTS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("RESULT", "--chart", "tttf"), "there is no chart 'tttf'; did you mean ttft?"),
        (("RESULT", "--chart", "?"), "there are: load, ttft"),
        (("RESULT", "--out", "x.jpg"), "ends neither in .svg nor in .png"),
        (("RESULT", "OTHER", "--chart", "outcomes"), "outcomes shows one result at a time, and 2 are named"),
        (("RESULT", "RESULT"), "the same result is named twice"),
        ((), "Name a file that --out has written"),
        (("EMPTY", "--chart", "ttft"), "there is nothing to draw for ttft"),
    ],
)
def test_what_can_not_be_drawn_is_said(
    saved: list[str], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    empty = tmp_path / "empty.json"
    empty.write_bytes(json_report.render(samples.empty()))
    names = {"RESULT": saved[0], "OTHER": saved[1], "EMPTY": str(empty)}
    error = run(*(names.get(argument, argument) for argument in arguments)).exception
    assert isinstance(error, UsageError)
    assert words in str(error)


def test_a_chart_that_is_named_as_if_it_were_a_result_is_told_where_it_belongs(saved: list[str]) -> None:
    error = run("ttftt", saved[0]).exception
    assert isinstance(error, ResultError)
    assert "can't read 'ttftt'" in str(error)
    assert str(error).endswith("; charts are named with --chart: see --list")
    assert "--chart" not in str(run("none.json").exception)


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    assert isinstance(run(str(tmp_path / "none.json")).exception, ResultError)
