"""Histories: which runs are counted, in which order, and what is said of a change."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import history_samples as samples
import numpy as np
import pytest

from llmload.analysis.compare import Measure
from llmload.analysis.figure import Figure
from llmload.analysis.history import FIGURES, Line
from llmload.reports import history_json, history_markdown, history_text
from llmload.reports.archive import History, Run, histories
from llmload.reports.history_words import picture
from llmload.reports.result import Result

GOLDEN = Path(__file__).parent / "golden"
USUAL = Measure(FIGURES)
BAD = "\x1b[31m| `x` <b> @team [a](http://evil)\n# h"


def run_of(result: Result, file: str = "") -> Run:
    return Run.of(file or f"night-{result.started[8:10]}.json", result, FIGURES)


def month() -> list[History]:
    return histories([run_of(each) for each in samples.month()], USUAL)


def hostile() -> list[History]:
    made = []
    for each in samples.month():
        scenario = replace(each.scenario, name=BAD, environment=BAD, tags={BAD: BAD + each.scenario.tags["model"]})
        made.append(run_of(replace(each, scenario=scenario, version=BAD, started=each.started + BAD), BAD))
    return histories(made, USUAL)


def few() -> list[History]:
    return histories([run_of(each) for each in list(samples.month())[:5]], USUAL)


CASES = {
    "history-80.txt": lambda: history_text.render(month(), 80),
    "history-120.txt": lambda: history_text.render(month(), 120),
    "history-ascii.txt": lambda: history_text.render(month(), 80, unicode=False),
    "history-few.txt": lambda: history_text.render(few(), 80),
    "history-hostile.txt": lambda: history_text.render(hostile(), 80),
    "history.md": lambda: history_markdown.render(month()).decode(),
    "history-hostile.md": lambda: history_markdown.render(hostile()).decode(),
}


@pytest.mark.parametrize("name", CASES)
def test_a_history_looks_as_it_did(name: str) -> None:
    made, path = CASES[name](), GOLDEN / name
    if os.environ.get("LLMLOAD_UPDATE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_asked_for(width: int) -> None:
    assert max(map(len, history_text.render(month(), width).splitlines())) <= width
    assert max(map(len, history_text.render(hostile(), width).splitlines())) <= width


def test_the_run_at_which_it_changed_is_named() -> None:
    (history,) = month()
    found = {str(line.figure): (run.file, history.differences(change.at)) for line, change, run in history.changes()}
    assert found["latency.p50"] == ("night-21.json", ["tag model a -> b"])
    assert {str(line.figure) for line in history.worsened} == {"latency.p50", "latency.p95"}


def test_order_is_that_of_their_starts_whatever_the_time_zone() -> None:
    late = samples.result(2, started="2026-02-02T01:00:00+05:00")
    early = samples.result(1, started="2026-02-01T19:30:00Z")
    (history,) = histories([run_of(late, "late"), run_of(early, "early")], USUAL)
    assert [run.file for run in history.runs] == ["early", "late"]


def test_a_start_that_cannot_be_read_comes_first() -> None:
    (history,) = histories([run_of(samples.result(2)), run_of(replace(samples.result(1), started="?"), "odd")], USUAL)
    assert history.runs[0].file == "odd"


def test_sizes_and_environments_are_histories_of_their_own() -> None:
    base = samples.result(1)
    demo = replace(base, scenario=replace(base.scenario, demo=True))
    staged = replace(base, scenario=replace(base.scenario, environment="staging"))
    found = histories([run_of(base), run_of(demo), run_of(staged)], USUAL)
    assert [history.scenario for history in found] == ["night", "night (demonstration)", "night (staging)"]


def test_what_proves_nothing_is_left_out_unless_asked_for() -> None:
    base = list(samples.month())
    odd = [
        replace(base[0], validity=samples.Validity(samples.Level.INVALID)),
        replace(base[1], interrupted="Ctrl-C"),
        replace(base[2], aborted="budget"),
        base[3].unended("2026-02-04T03:00:10+00:00"),
    ]
    (history,) = histories([run_of(each) for each in [*odd, *base[4:]]], USUAL)
    assert [run.doubt for run in history.left_out] == ["INVALID", "interrupted", "aborted", "did not end"]
    assert len(history.runs) == 24
    (history,) = histories([run_of(each) for each in [*odd, *base[4:]]], USUAL, everything=True)
    assert (len(history.runs), history.left_out) == (28, ())


def test_the_last_runs_alone() -> None:
    (history,) = histories([run_of(each) for each in samples.month()], USUAL, last=7)
    assert [run.file for run in history.runs] == [f"night-{day}.json" for day in range(22, 29)]
    assert not history.worsened


def test_another_scenario_and_a_new_version_are_told() -> None:
    one, two = samples.result(1), samples.result(2)
    other = replace(two, version="0.2.0", scenario=replace(two.scenario, fingerprint="new"))
    (history,) = histories([run_of(one), run_of(other)], USUAL)
    assert history.differences(1) == ["llmload 0.1.0 -> 0.2.0", "the scenario was another"]
    assert history.differences(0) == []


def test_the_document_says_what_changed_where() -> None:
    document = json.loads(history_json.render(month()))
    (history,) = document["histories"]
    figures = {each["figure"]: each for each in history["figures"]}
    (change,) = figures["latency.p95"]["changes"]
    assert document["worsened"] is True
    assert history["worsened"] == ["latency.p50", "latency.p95"]
    assert (change["run"], change["file"], change["worse"]) == (20, "night-21.json", True)
    assert change["after"] / change["before"] == pytest.approx(1.3, abs=0.03)
    assert len(figures["latency.p95"]["values"]) == len(history["runs"]) == 28
    assert figures["errors.rate"]["changes"] == []


@pytest.mark.parametrize("values", [[], [np.nan], [1.0], [2.0, 2.0], [1, np.nan, 3], list(range(100))])
def test_a_picture_is_as_long_as_there_is_room(values: list[float]) -> None:
    assert len(picture(np.array(values, float))) <= 30


def test_a_picture_shows_low_and_high() -> None:
    assert picture(np.array([1.0, np.nan, 8.0, 4.5])) == "▁ █▅"
    assert picture(np.array([0.0, 0.0])) == "▁▁"


def test_what_hardly_varies_looks_so() -> None:
    assert picture(np.array([1.0, 1.01, 0.99, 1.02, 1.3])) in ("▅▅▅▅█", "▅▅▄▅█")


def test_a_figure_without_values_has_no_line() -> None:
    (history,) = histories(
        [Run.of("a", samples.result(1), (Figure("tpot", "p50"),))], Measure((Figure("tpot", "p50"),))
    )
    assert history.lines == ()
    assert history_text.render([history])


def test_a_drift_is_told_in_words() -> None:
    history = replace(month()[0], lines=(Line(Figure("latency", "p95"), np.ones(9), (), (0.12, (0.05, 0.19))),))
    assert "latency.p95 drifts: +12% over all runs (95 % interval +5% – +19%)" in history_text.render([history], 120)
