"""The curve of a capacity search as a picture."""

from __future__ import annotations

from dataclasses import replace

from llmload.analysis.search import Answer, Capacity, Ended
from llmload.reports.charts import Look, capacity
from llmload.reports.charts.drawing import svg
from llmload.reports.searched import SearchResult, Step

STEPS = [
    Step(rate, answer, 30.0, round(30 * rate), "VALID", completed=min(rate, 40.0), mean=p50, p50=p50, p95=p95)
    for rate, answer, p50, p95 in (
        (40.0, Answer.UNCLEAR, 3.0, 4.0), (10.0, Answer.HELD, 1.0, 1.2), (20.0, Answer.HELD, 1.2, 1.5),
        (80.0, Answer.MISSED, 9.0, 17.0), (90.0, Answer.INVALID, 0.0, 0.0),
    )
]  # fmt: skip
FOUND = SearchResult(
    "0.1", {"name": "chats"}, "2026-01-01T00:00:00Z", "load.rate", ["ttft.p95 < 500ms"], [], STEPS,
    Capacity(39.0, (38.0, 40.5), 20.0, 80.0, 80.0, None, Ended.FOUND),
)  # fmt: skip


def test_every_step_that_was_measured_is_a_point_and_a_row() -> None:
    drawing = capacity.curve(FOUND, Look())
    assert drawing is not None
    assert [row[0] for row in drawing.table.rows] == ["10.0/s", "20.0/s", "40.0/s", "80.0/s"]
    assert drawing.table.rows[1][-1] == "held, knee"
    lines = drawing.spec["layer"][-1]["data"]["values"]
    assert [(point["x"], point["v"]) for point in lines if point["what"] == "latency p95"] == [
        (10.0, 1.2), (20.0, 1.5), (40.0, 4.0), (40.0, 17.0),
    ]  # fmt: skip
    assert drawing.says.endswith("Capacity 39.0/s (95 %: 38.0/s to 40.5/s). Knee at 20.0/s.")


def test_it_can_be_drawn() -> None:
    drawing = capacity.curve(FOUND, Look())
    assert drawing is not None
    assert ">knee<" in svg(drawing.spec)


def test_no_knee_is_drawn_where_nothing_was_measured_beyond_it() -> None:
    drawing = capacity.curve(replace(FOUND, steps=STEPS[:3]), Look())
    nothing_beyond = capacity.curve(replace(FOUND, steps=[*STEPS[1:3], replace(STEPS[0], p50=1.3, mean=1.3)]), Look())
    assert drawing is not None
    assert nothing_beyond is not None
    assert ">knee<" in svg(drawing.spec)
    assert ">knee<" not in svg(nothing_beyond.spec)
    assert "Knee" not in nothing_beyond.says


def test_what_is_not_a_rate_has_no_band_and_one_step_is_no_curve() -> None:
    assert capacity.curve(replace(FOUND, steps=STEPS[:1]), Look()) is None
    users = capacity.curve(replace(FOUND, key="load.users"), Look())
    with_band = capacity.curve(FOUND, Look())
    assert users is not None
    assert with_band is not None
    assert len(users.spec["layer"]) == len(with_band.spec["layer"]) - 1
