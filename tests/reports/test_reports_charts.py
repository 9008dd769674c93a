"""What every chart must do, whichever it is: a new line in CHARTS is held to this at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import reports_samples as samples

from llmload.metrics.observed import FIGURES, Observed
from llmload.metrics.summary import CellKey, Summary
from llmload.reports.charts import CHARTS, Chart, Drawing, Look, Subject
from llmload.reports.charts.colours import ON_PAGE
from llmload.reports.charts.drawing import png, svg
from llmload.reports.charts.target import shown_of
from llmload.reports.result import Result

NARROW = Look(width=340, height=220, colours=ON_PAGE)


def two_classes() -> Result:
    """Good calls of two classes with names that try to break out."""
    whole = samples.summary()
    names = {"chat": "<script>alert(1)</script>\x1b[31m", "embed": "\"'><img src=x onerror=alert(1)>" + "y" * 400}
    renamed = Summary(phases=whole.phases, elapsed=whole.elapsed)
    renamed.cells = {CellKey(names[key.cls], *key[1:]): part for key, part in whole.cells.items()}
    renamed.windows = {
        at: {names.get(cls, cls): window for cls, window in by_class.items()} for at, by_class in whole.windows.items()
    }
    return replace(samples.result(), summary=renamed)


def twice() -> Result:
    """Every streamed call was made twice, by another class too; the target was watched."""
    whole, more = samples.summary(), Summary()
    more.merge(whole)
    more.cells |= {CellKey("long", *key[1:]): part for key, part in whole.cells.items() if key.cls == "chat"}
    for at, by_class in whole.windows.items():
        if "chat" in by_class:
            more.windows[at]["long"] = by_class["chat"]
    more.observed["server"] = Observed("process 7")
    for n, figure in enumerate(FIGURES):
        for at in range(60):
            more.observed["server"].samples(figure).read(at, n + at % 5)
    return replace(samples.result(), summary=more)


MADE = [twice, samples.result, samples.empty, samples.interrupted, samples.hostile]


@pytest.fixture(params=sorted(CHARTS))
def chart(request: pytest.FixtureRequest) -> Chart:
    return CHARTS[request.param]


def drawn(chart: Chart, *results: Result, look: Look | None = None) -> Drawing | None:
    subjects = [Subject(f"run {n}", result) for n, result in enumerate(results)]
    return chart.draw(subjects, look or Look())


@pytest.mark.parametrize("make", MADE)
def test_any_result_is_drawn_or_there_is_nothing_to_draw(chart: Chart, make: Callable[[], Result]) -> None:
    drawing = drawn(chart, make())
    if drawing is None:
        assert make is not twice
        return
    assert drawing.says
    assert drawing.table.rows
    assert {len(row) for row in drawing.table.rows} == {len(drawing.table.columns)}
    json.dumps(drawing.spec, allow_nan=False)


def test_as_many_results_as_it_says_can_be_laid_over_each_other(chart: Chart) -> None:
    several = drawn(chart, *[twice()] * chart.most)
    assert several is not None
    if chart.most > 1:
        assert f"run {chart.most - 1}" in json.dumps(several.spec)


def test_a_result_without_anything_beside_one_with_something_takes_nothing_away(chart: Chart) -> None:
    if chart.most > 1:
        assert drawn(chart, samples.empty(), twice()) is not None


def test_it_is_the_same_every_time(chart: Chart) -> None:
    assert drawn(chart, twice()) == drawn(chart, twice())


def test_a_page_decides_the_colours(chart: Chart) -> None:
    drawing = drawn(chart, twice(), look=NARROW)
    assert drawing is not None
    text = json.dumps(drawing.spec)
    assert "var(--" in text
    assert '"#' not in text


def test_a_picture_is_well_formed_loads_nothing_and_styles_nothing(chart: Chart) -> None:
    drawing = drawn(chart, twice(), look=NARROW)
    assert drawing is not None
    made = svg(drawing.spec)
    for element in ElementTree.fromstring(made).iter():
        assert not {"style", "href", "id"} & set(element.attrib), element.attrib
        assert element.tag.rpartition("}")[2] in ("svg", "g", "path", "line", "rect", "text", "tspan"), element.tag


def test_labels_that_others_wrote_are_text_and_short() -> None:
    found = svg(drawn(CHARTS["latency-by-class"], two_classes()).spec)  # type: ignore[union-attr]
    assert "<script" not in found
    assert "&lt;script" in found
    assert not {char for char in found if ord(char) < 32} - {"\n"}
    texts = [element.text or "" for element in ElementTree.fromstring(found).iter() if element.tag.endswith("text")]
    assert max(map(len, texts)) < 60


def test_a_picture_can_be_of_points() -> None:
    drawing = drawn(CHARTS["load"], samples.result())
    assert drawing is not None
    made = png(drawing.spec, 1.0)
    assert made.startswith(b"\x89PNG")
    width, height = (int.from_bytes(made[at : at + 4]) for at in (16, 20))
    assert (width, height) == (860, 260)


def test_the_target_is_drawn_in_step_with_the_run_and_between_which_values_it_was() -> None:
    drawing = drawn(CHARTS["target-memory"], samples.overloaded())
    assert drawing is not None
    assert drawing.says == "memory over time: server at most 345 MiB"
    assert [drawing.table.rows[at] for at in (0, 27)] == [
        ("0:00", "210 MiB", "210 MiB"),
        ("0:27", "345 MiB", "345 MiB"),
    ]
    band, line = drawing.spec["layer"][-2:]
    assert band["mark"]["type"] == "area"
    assert [point["v"] for point in line["data"]["values"][:3]] == [210.0, 215.0, 220.0]
    assert line["encoding"]["y"]["axis"]["title"] == "MiB"
    assert [point["v"] for point in line["data"]["values"][28:]] == [None] * (len(drawing.table.rows) - 28)


def test_several_observers_are_a_line_each() -> None:
    result = twice()
    result.summary.observed["other"] = result.summary.observed["server"]
    drawing = drawn(CHARTS["target-queue"], result)
    assert drawing is not None
    assert drawing.table.columns == ("from", "other, mean", "other, largest", "server, mean", "server, largest")


def test_figures_that_a_scenario_made_have_a_chart_on_its_page() -> None:
    result = twice()
    result.summary.observed["server"].samples("jobs").read(3, 9)
    assert [chart.name for chart in shown_of(result)][-2:] == ["target-probe", "target-jobs"]
