"""Tables for spreadsheets and data frames: read back by Python's own reader, and adding up."""

from __future__ import annotations

import csv
import io

import pytest
import reports_samples as samples

from llmload.reports import csv_summary, csv_windows
from llmload.reports.csv_lines import csv_lines
from llmload.reports.figures import figures


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


@pytest.fixture(scope="module")
def summary() -> list[dict[str, str]]:
    return rows(csv_summary.render(samples.result()))


@pytest.fixture(scope="module")
def windows() -> list[dict[str, str]]:
    return rows(csv_windows.render(samples.result()))


def test_there_is_one_row_for_each_slice_and_metric(summary: list[dict[str, str]]) -> None:
    keys = [(row["slice"], row["value"], row["metric"]) for row in summary]
    assert len(set(keys)) == len(keys)
    assert {row["slice"] for row in summary} == {"all", "class", "model", "phase", "tier"}


def test_figures_are_those_of_the_json_result(summary: list[dict[str, str]]) -> None:
    total = figures(samples.result().summary)["total"]
    found = {row["metric"]: row for row in summary if row["slice"] == "all"}
    assert set(found) == set(total["metrics"])
    assert int(found["ttft"]["calls"]) == total["calls"]
    for name, wanted in total["metrics"].items():
        for stat, value in wanted.items():
            assert found[name][stat] == ("" if value is None else f"{value:.9g}")


def test_a_percentile_that_the_sample_cannot_support_is_empty(summary: list[dict[str, str]]) -> None:
    whole = next(row for row in summary if row["metric"] == "ttft" and row["slice"] == "all")
    assert whole["p99"] == "0.218111"
    assert whole["p99.99"] == ""


def test_a_slice_of_which_nothing_was_measured_still_tells_its_counts() -> None:
    (row,) = rows(csv_summary.render(samples.empty()))
    assert (row["slice"], row["calls"], row["metric"], row["p50"]) == ("all", "0", "", "")


def test_every_window_has_a_row_and_each_class_one_where_its_calls_ended(windows: list[dict[str, str]]) -> None:
    whole = [row for row in windows if not row["class"]]
    assert [int(row["at"]) for row in whole] == list(range(max(samples.summary().windows) + 1))
    assert {row["class"] for row in windows} == {"", "chat", "embed"}
    assert {row["phase"] for row in whole} == {"warm-up", "steady", "spike", ""}


@pytest.mark.parametrize("column", ["completed", "ok", "errors", "goodput", "output_tokens", "http_5xx", "itl_count"])
def test_classes_add_up_to_the_whole(windows: list[dict[str, str]], column: str) -> None:
    whole = sum(int(row[column]) for row in windows if not row["class"])
    assert whole == sum(int(row[column]) for row in windows if row["class"]) > 0


def test_windows_add_up_to_the_run(windows: list[dict[str, str]]) -> None:
    whole = [row for row in windows if not row["class"]]
    assert sum(int(row["planned"]) for row in whole) == samples.summary().planned
    assert sum(int(row["sent"]) for row in whole) == samples.summary().sent
    assert sum(int(row["completed"]) for row in whole) == samples.summary().completed


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil")'])
def test_no_text_is_taken_for_a_formula(text: str) -> None:
    assert rows(csv_lines(["a"], [[text]])) == [{"a": f"'{text}"}]


def test_numbers_stay_numbers_and_texts_one_cell() -> None:
    made = csv_lines(["a", "b", "c", "d"], [[-1.5, 7, None, 'two\nlines, "quoted"\x1b[31m']])
    assert made == b'a,b,c,d\n-1.5,7,,"two lines, ""quoted"""\n'
