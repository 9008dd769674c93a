"""Saved results compared: what is said first, who may accuse, and every form against ones that a person has looked at.

After a change that is meant, run this file with ``LLMLOAD_UPDATE_GOLDEN=1`` and read the diff.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import comparison_samples as samples
import pytest
from rich.cells import cell_len

from llmload.analysis.compare import Measure
from llmload.analysis.difference import Change
from llmload.reports import comparison_html, comparison_json, comparison_markdown, comparison_text
from llmload.reports.comparison import Comparison, Party, compare_results

GOLDEN = Path(__file__).parent / "golden"
EVERY = {"pair": samples.pair, "many": samples.many, "invalid": samples.invalid, "hostile": samples.hostile}
CASES = {
    "comparison-80.txt": lambda: comparison_text.render(samples.pair(), 80),
    "comparison-120.txt": lambda: comparison_text.render(samples.pair(), 120),
    "comparison-many-100.txt": lambda: comparison_text.render(samples.many(), 100),
    "comparison.md": lambda: comparison_markdown.render(samples.pair()).decode(),
    "comparison-hostile.md": lambda: comparison_markdown.render(samples.hostile()).decode(),
}


@pytest.mark.parametrize("name", CASES)
def test_a_comparison_is_as_it_was(name: str) -> None:
    made, path = CASES[name](), GOLDEN / name
    if os.environ.get("LLMLOAD_UPDATE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("width", [60, 80, 140])
def test_lines_fit_and_nothing_escapes(name: str, width: int) -> None:
    text = comparison_text.render(EVERY[name](), width)
    assert "\x1b" not in text
    assert "\u202e" not in text
    ascii_only = comparison_text.render(EVERY[name](), width, unicode=False)
    assert ascii_only.isascii()
    if width >= 80:
        assert all(cell_len(line) <= width for line in text.splitlines())


def test_markdown_holds_no_markup_of_others() -> None:
    text = comparison_markdown.render(samples.hostile()).decode()
    assert "<script" not in text.replace("\\<", "")
    assert "\x1b" not in text


@pytest.mark.parametrize("name", EVERY)
def test_json_is_strict_and_says_everything(name: str) -> None:
    comparison = EVERY[name]()
    document = json.loads(comparison_json.render(comparison), parse_constant=lambda text: pytest.fail(text))
    assert document["kind"] == "llmload-comparison"
    assert document["regressed"] == comparison.regressed
    assert [len(other["rows"]) for other in document["others"]] == [len(other.rows) for other in comparison.others]


def test_what_differs_about_the_runs_is_named_first() -> None:
    other = samples.pair().others[0]
    assert "load.rate" in other.warnings[0]
    assert any(text.startswith("environment:") for text in other.differences)
    assert any(": llmload " in text for text in other.differences)
    assert any(text.startswith("target:") and "sim.step" in text for text in other.differences)
    lines = comparison_text.render(samples.pair(), 100).splitlines()
    assert next(n for n, line in enumerate(lines) if "scenario changed" in line) < next(
        n for n, line in enumerate(lines) if line.startswith("Figure")
    )


def test_what_differs_about_the_generator_and_the_target_is_named_and_what_one_side_lacks_is_not_the_same() -> None:
    told = {"software": "vLLM", "version": "0.6.3", "slots": "64"}
    a = replace(samples.valid(), environment={"python": "3.11.7", "clock": "tsc"}, target_environment={"main": told})
    b = replace(a, environment={"python": "3.12.1"}, target_environment={"main": {**told, "version": "0.7.0"}})
    found = compare_results([Party("a", (a,)), Party("b", (b,))], Measure()).others[0].differences
    assert "generator: Python 3.11.7 against 3.12.1" in found
    assert "target main: version 0.6.3 against 0.7.0" in found
    assert "generator: not known in b: clock source of the kernel" in found
    older = replace(b, target_environment={})
    found = compare_results([Party("a", (a,)), Party("b", (older,))], Measure()).others[0].differences
    assert "target main: nothing is known of it in b" in found


def test_results_of_different_scenarios_are_warned_of() -> None:
    a = samples.valid()
    b = replace(a, scenario=replace(a.scenario, name="another", demo=not a.scenario.demo))
    warnings = compare_results([Party("a", (a,)), Party("b", (b,))], Measure()).others[0].warnings
    assert "different scenarios" in warnings[0]
    assert "demonstration size" in warnings[1]


def test_the_slower_one_is_worse() -> None:
    comparison = samples.pair()
    assert comparison.regressed
    worse = {(row.cls, str(row.figure)) for row in comparison.others[0].worse}
    assert {("chat", "ttft.mean"), ("chat", "latency.mean")} <= worse


def test_invalid_results_accuse_nobody() -> None:
    comparison = samples.invalid()
    assert not comparison.regressed
    assert "INVALID" in comparison.others[0].warnings[0]
    assert {row.difference.change for row in comparison.others[0].rows} == {Change.UNCLEAR}


def test_a_result_is_the_same_as_itself() -> None:
    comparison: Comparison = compare_results(
        [Party("a", (samples.valid(),)), Party("b", (samples.valid(),))], Measure()
    )
    other = comparison.others[0]
    assert not comparison.regressed
    assert (other.warnings, other.differences) == ((), ())
    assert {row.difference.change for row in other.rows} <= {Change.SAME, Change.UNCLEAR}


@pytest.mark.parametrize("name", EVERY)
def test_the_page_asks_for_nothing_and_holds_no_markup_of_others(name: str) -> None:
    comparison = EVERY[name]()
    page = comparison_html.render(comparison).decode()
    assert "Content-Security-Policy" in page
    assert "<script" not in page
    assert "\x1b" not in page
    assert page.count("<tr>") == sum(len(other.rows) + 1 for other in comparison.others)
