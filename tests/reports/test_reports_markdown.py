"""The Markdown report, as a reader of GitHub's Markdown understands it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import reports_samples as samples
from markdown_it import MarkdownIt
from test_reports_slowed import summary as beside_each_other

from llmload.metrics.failures import ErrorGroup
from llmload.records import Outcome
from llmload.reports.markdown import LIMIT, render
from llmload.reports.markdown_text import code, prose, table
from llmload.verdict.judge import Judgement
from llmload.verdict.objectives import parse_objective

NASTY = [
    "| a | b |", "a\\|b", "`tick`", "``two`` and `one", "` `", "<img src=x onerror=alert(1)>", "[x](http://evil)",
    "![x](y)",
    "**bold** _it_ ~~gone~~", "# heading", "$math$", "&lt;b&gt; &#64;team", "http://evil.example/x www.evil.example",
    "<!-- hidden", "</details>", "\\", "trailing \\", "\\`", "- list", "1. one", "--- | ---",
]  # fmt: skip
"""Each is to be read as it is."""


def read(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


def seen(html: str) -> str:
    """What a reader sees of a paragraph or cell."""
    bare = re.sub(r"<[^>]+>", "", html)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        bare = bare.replace(entity, char)
    return bare.replace("\u200b", "").strip()


@pytest.mark.parametrize("text", NASTY)
def test_prose_means_what_it_says(text: str) -> None:
    html = read(f"Said: {prose(text)}")
    assert seen(html) == f"Said: {text}"
    assert re.findall(r"<(\w+)", html) == ["p"]


@pytest.mark.parametrize("text", NASTY)
def test_code_fits_into_a_cell_and_means_what_it_says(text: str) -> None:
    html = read("\n".join(table(("a", "b"), [(code(text), prose(text))])))
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html)
    assert [seen(cell) for cell in cells] == [text, text]
    assert set(re.findall(r"<(\w+)", cells[0])) <= {"code"}
    assert not re.findall(r"<(\w+)", cells[1])


@pytest.mark.parametrize(
    "text", ["@octocat", "by @org/team, see #12", "GH-7", "https://evil.example", "www.evil.example"]
)
def test_nobody_is_mentioned_and_nothing_linked(text: str) -> None:
    assert not re.search(r"@\w|#\d|GH-\d|https?://|www\.", prose(text))


def test_an_empty_text_makes_no_code_span() -> None:
    assert code("\x00") == ""


def test_text_from_outside_makes_no_markup() -> None:
    html = read(render(samples.hostile()).decode())
    layout = {"h2", "h3", "p", "ul", "li", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"}
    assert set(re.findall(r"<(\w+)", html)) <= layout | {"strong", "em", "code", "sub"}


def test_every_row_has_the_columns_of_its_table() -> None:
    for make in (samples.result, samples.hostile, samples.overloaded, samples.interrupted):
        html = read(render(make()).decode())
        for found in re.findall(r"<table>.*?</table>", html, re.DOTALL):
            assert (
                len({len(re.findall(r"<t[hd]\b", row)) for row in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)}) == 1
            )


def test_the_answer_comes_first() -> None:
    lines = render(samples.result()).decode().splitlines()
    assert lines[0] == "## 🔴 FAIL: peak"
    assert lines[2] == "**3 of 6 objectives met; the figures are SUSPECT; traffic light critical.**"


def test_a_good_run_is_green_and_short() -> None:
    good = [each for each in samples.result().judgements if str(each.objective) == "ttft.p95 < 500ms"]
    made = render(replace(samples.result(), judgements=good, validity=samples.empty().validity)).decode()
    assert made.startswith("## 🟢 PASS: peak\n")
    assert "Can the figures be trusted?" not in made


def test_a_comment_is_never_too_long() -> None:
    long = "x" * 10_000
    objectives = [Judgement(parse_objective("ttft.p95 < 1s", says=long), False, note=long) for _ in range(500)]
    whole = replace(samples.hostile().summary)
    whole.errors = {
        (Outcome.HTTP_5XX, n, long): ErrorGroup(Outcome.HTTP_5XX, n, sample=long, count=1) for n in range(500)
    }
    made = render(replace(samples.hostile(), judgements=objectives, notes=(long,) * 500, summary=whole)).decode()
    assert len(made) <= LIMIT + 100


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmload.reports.markdown.LIMIT", 1500)
    made = render(samples.result()).decode()
    assert len(made) < 1600
    assert re.search(r"\*\d sections left out: too long for a comment\.\*\n$", made)


def test_an_unproven_objective_is_no_tick_and_counted_in_the_first_line() -> None:
    met = tuple(each for each in samples.result().judgements if each.passed)
    text = render(replace(samples.result(), judgements=met)).decode()
    assert "**3 of 3 objectives met, 1 of them unproven; the figures are SUSPECT; traffic light" in text
    assert "| \\~ | `latency.p99.9 < 30s` |" in text


def test_services_beside_each_other_and_the_target_have_tables() -> None:
    slower = render(replace(samples.result(), summary=beside_each_other())).decode()
    assert "| chat in together | 1.00x | 103ms | 206ms | 2.00x |" in slower
    assert (
        "| memory | 210 MiB | 278 MiB | 345 MiB | 215 MiB | 340 MiB | +58.1% |" in render(samples.overloaded()).decode()
    )
