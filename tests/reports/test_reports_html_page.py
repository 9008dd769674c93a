"""The page: in its order, safe whatever a result holds, with a policy that its own parts keep."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import reports_samples as samples
from test_reports_charts import two_classes
from test_reports_slowed import summary as beside_each_other

from llmload.analysis.insights import Gravity, Insight
from llmload.errors import ResultError
from llmload.metrics.precision import Deviation, ErrorBar
from llmload.reports import json_report
from llmload.reports.html.page import render
from llmload.reports.result import Result, parse_result
from llmload.verdict.validity import Level, Reason, Validity

ALL = [samples.result, samples.empty, samples.interrupted, samples.hostile, two_classes, samples.overloaded]
WORDS = """
    html head meta link title style body main header footer section h1 h2 h3 p span strong b code pre div ol ul li dl
    dt dd table caption thead tbody tr th td figure figcaption details summary svg g path line rect text tspan
"""
KNOWN = set(WORDS.split())
CHANGING = {
    r"(<svg[^>]*>)<rect width.*?</svg>": r"\1...</svg>",
    r"<style>.*?</style>": "<style>...</style>",
    r"sha256-[\w+/=]+": "sha256-...",
    r"(?=<(?:section|header|footer|figure|h[1-6]|p|li|tr|div|details|meta|title|body)[ >])": "\n",
}


class Seen(HTMLParser):
    """The elements of a page, their attributes, and the text in them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1], data))

    def of(self, name: str) -> list[str]:
        return [text for tag, text in self.texts if tag == name]


@pytest.mark.parametrize("make", ALL)
def test_there_is_nothing_in_it_but_what_we_put_there(make: type[Result]) -> None:
    seen = Seen(render(make()))
    assert {name for name, _ in seen.elements} <= KNOWN
    names = {key for _, attributes in seen.elements for key in attributes}
    assert not {name for name in names if name.startswith("on")} | {"style", "src"} & names
    assert [attributes["href"] for _, attributes in seen.elements if "href" in attributes] == ["data:,"]


def test_hostile_text_is_shown_as_text() -> None:
    seen = Seen(render(samples.hostile()))
    assert any("<script>alert(1)</script>" in text for text in seen.of("td"))
    page = render(samples.hostile())
    assert b"<script" not in page
    assert b"\x1b" not in page
    assert len(page) < 500_000


def _texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        if isinstance(item, str):
            yield (*path, key)
        yield from _texts(item, (*path, key))


def test_every_text_of_a_result_may_be_hostile() -> None:
    """All that can be anything at all is an attack at once, with a number of its own; none becomes more than text."""
    document = json.loads(json_report.render(replace(samples.overloaded(), notes=("a note",), aborted="budget")))
    for name in ("windows", "cells", "errors"):
        document["summary"][name] = document["summary"][name][:3]
    changed = 0
    for path in [path for path in _texts(document) if path[0] not in ("figures", "insights", "standing")]:
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        before, holder[path[-1]] = holder[path[-1]], f"</style></svg><script>alert({changed})</script>\x1b[31m\"'&"
        try:
            parse_result(json.dumps(document).encode(), "x")
            changed += 1
        except ResultError:
            holder[path[-1]] = before
    page = render(parse_result(json.dumps(document).encode(), "x"))
    seen = Seen(page)
    assert changed > 30
    assert {name for name, _ in seen.elements} <= KNOWN
    assert b"<script" not in page
    assert page.count(b"</style>") == 1
    assert b"\x1b" not in page
    assert b"alert(" in page


def test_the_policy_allows_the_one_style_sheet_and_nothing_else() -> None:
    page = render(samples.result()).decode()
    sheet = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = policy[1].replace("&#x27;", "'").split("; ")
    assert rules == [
        "default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:", "base-uri 'none'", "form-action 'none'",
    ]  # fmt: skip
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<title>") + len(page)


def test_the_answer_comes_first_and_the_machine_last() -> None:
    headings = Seen(render(samples.result())).of("h2")
    assert [heading.strip() for heading in headings] == [
        "Objectives", "Can the figures be trusted?", "Service level", "Key figures",
        "Over time", "Figures", "Scenario and environment",
    ]  # fmt: skip


def test_insights_stand_before_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Insight("breaking", Gravity.CRITICAL, "it broke at <40/s>", ("p50 doubled",), "add capacity"),)
    monkeypatch.setattr("llmload.reports.result.insights", lambda summary, facts: found)
    page = render(replace(samples.result(), notes=()))
    seen = Seen(page)
    assert seen.of("h2").index("What stands out") == seen.of("h2").index("Service level") - 1
    assert any("it broke at <40/s>." in text for text in seen.of("li"))
    assert "What to do: add capacity." in seen.of("p")


def _unproven() -> Result:
    return replace(samples.result(), judgements=tuple(each for each in samples.result().judgements if each.passed))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (samples.result(), "Not good enough: 3 of 6 objectives were missed."),
        (_unproven(), "All 3 objectives were met under this load, 1 of them unproven."),
        (replace(samples.result(), judgements=samples.result().judgements[:1]), "the one objective was met"),
        (replace(samples.result(), judgements=()), "Nothing was judged"),
        (samples.result().unended("2026-03-01T12:01:00Z"), "the run did not end"),
        (samples.empty(), "Nothing was judged"),
        (
            replace(
                samples.result(),
                judgements=(),
                validity=Validity(Level.INVALID, (Reason("late", Level.INVALID, "too late"),)),
            ),
            "No answer: the figures say more about the load generator",
        ),
        (replace(samples.result(), interrupted="Ctrl-C"), "Interrupted after"),
        (
            replace(samples.result(), interrupted="Ctrl-C", judgements=samples.result().judgements[:1]),
            "Good enough as far as the run went",
        ),
    ],
)
def test_the_first_screen_says_in_words_how_it_went(result: Result, words: str) -> None:
    page = render(result).decode()
    assert words in page.partition("</header>")[0]


def test_every_chart_has_a_name_two_sizes_and_its_figures() -> None:
    seen = Seen(render(samples.result()))
    charts = [attributes["id"] for name, attributes in seen.elements if name == "figure"]
    assert charts == [
        "chart-load", "chart-ttft", "chart-itl", "chart-latency", "chart-latency-by-class", "chart-percentiles",
        "chart-ttft-heatmap", "chart-itl-heatmap", "chart-outcomes", "chart-in-flight", "chart-tokens",
    ]  # fmt: skip
    pictures = [attributes for name, attributes in seen.elements if name == "svg" and "viewbox" in attributes]
    assert all(attributes["aria-label"] for attributes in pictures)
    classes = [attributes.get("class") for name, attributes in seen.elements if name == "div"]
    assert classes.count("wide") == classes.count("narrow") == len(charts)
    assert len([name for name, _ in seen.elements if name == "summary"]) >= len(charts)


def test_the_margin_is_drawn_on_the_side_it_is_on() -> None:
    page = render(samples.result()).decode()
    met, missed = (page.index(f'<li class="{kind}">') for kind in ("met", "missed"))
    assert missed < met
    first = re.search(r'<rect x="([\d.]+)" y="2" width="([\d.]+)"', page[missed:])
    last = re.search(r'<rect x="([\d.]+)" y="2" width="([\d.]+)"', page[met:])
    assert first is not None
    assert last is not None
    assert float(first[1]) + float(first[2]) == 80.0
    assert float(last[1]) == 80.0


def test_a_limit_of_nothing_has_no_interval_to_be_drawn_in_parts_of_it() -> None:
    made = samples.result()
    judged = [
        replace(each, objective=replace(each.objective, value=0.0), margin=0.1, interval=(0.1, 0.2))
        for each in made.judgements
    ]
    assert 'class="whisker"' not in render(replace(made, judgements=tuple(judged))).decode()


def test_the_page_is_as_it_was() -> None:
    """But for its pictures, which another version of the library draws otherwise, and its style sheet."""
    bare = render(samples.result()).decode()
    for changing, instead in CHANGING.items():
        bare = re.sub(changing, instead, bare, flags=re.DOTALL)
    path = Path(__file__).parent / "golden" / "result.html"
    if os.environ.get("LLMLOAD_UPDATE_GOLDEN"):
        path.write_text(bare, encoding="utf-8")
    assert bare == path.read_text(encoding="utf-8")


def test_a_long_scenario_is_cut() -> None:
    source = {"prompt": "x" * 1000, "classes": {f"c{n}": n for n in range(10_000)}}
    scenario = replace(samples.result().scenario, source=source)
    page = render(replace(samples.result(), scenario=scenario))
    assert b"&quot;c1&quot;" in page
    assert b"&quot;c9999&quot;" not in page


@pytest.mark.parametrize(
    ("disturbed", "words"), [(False, "as calibrated on 2026-01-01"), (True, "No error bar: the calibration")]
)
def test_the_error_bar_says_what_it_rests_on(disturbed: bool, words: str) -> None:
    metrics = {"ttft": Deviation(1e-4, 1e-5, 1e-3, 1e-4, 2e-3)}
    bar = ErrorBar("2026-01-01T00:00:00Z", 10.0, 100.0, 0.1, disturbed=disturbed, metrics=metrics)
    assert words.encode() in render(replace(samples.result(), error_bar=bar))


def test_an_unproven_objective_is_marked_and_the_light_says_why() -> None:
    page = render(_unproven()).decode()
    assert page.index('<li class="met unproven"><span class="mark">~ unproven</span>') < page.index('<li class="met">')
    level = page[page.index("<h2>Service level</h2>") :].partition("</section>")[0]
    assert "<li>met by less than 10%: rate.achieved &gt;= 95%</li>" in level


def test_margins_beyond_the_limit_itself_are_said_in_times() -> None:
    assert "16x the limit" in render(samples.result()).decode()


def test_long_evidence_is_not_cut_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = tuple(f"{n}: {'word ' * 20}end{n}" for n in range(6))
    found = (Insight("breaking", Gravity.CRITICAL, "it broke", evidence),)
    monkeypatch.setattr("llmload.reports.result.insights", lambda summary, facts: found)
    page = render(replace(samples.result(), notes=())).decode()
    assert all(f"end{n}" in page for n in range(6))


def test_the_target_has_a_table_and_small_charts() -> None:
    page = render(samples.overloaded()).decode()
    table = page[page.index("<h3>The target</h3>") :].partition("<h3>")[2].partition("<h3>")[0]
    assert "<caption>server: process 4711</caption>" in table
    assert "<td>+58.1%</td>" in table
    assert "server ended 28.5 s into the run" in table
    small = page[page.index('<div class="small">') :].partition("</section>")[0]
    assert re.findall(r'id="chart-([\w-]+)"', small) == ["target-cpu", "target-memory", "target-probe"]


def test_services_beside_each_other_have_a_table() -> None:
    page = render(replace(samples.result(), summary=beside_each_other())).decode()
    assert "<h3>Services beside each other</h3>" in page
    assert "<td>2.00x</td>" in page
