"""Block-character plots."""

from __future__ import annotations

from dataclasses import replace

import dashboard_run as run
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dashboard.canvas import width_of
from llmload.dashboard.plots import area, nice, plots, ticks
from llmload.dashboard.series import Axis, Tape


def text_of(lines: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


@given(st.floats(1e-9, 1e12))
def test_a_scale_ends_at_a_round_number_not_far_above(value: float) -> None:
    assert value * 0.999 <= nice(value) <= value * 1.5


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.9, 1), (1, 1), (11, 12), (47, 50), (52, 60), (999, 1000)])
def test_round_numbers(value: float, top: float) -> None:
    assert nice(value) == pytest.approx(top)


def test_levels_are_drawn_in_eighths_of_a_row() -> None:
    assert text_of(area([0, 1, 4, 8, 12, 16], [None] * 6, 2, 16)) == ["    ▄█", " ▁▄███"]


def test_what_was_planned_and_not_done_is_shaded_behind() -> None:
    lines = area([10, 5, None, None], [10, 10, 10, 0], 2, 10)
    assert text_of(lines) == ["█░░ ", "██░ "]
    assert [style for _, style in lines[0]] == ["plot", "gap", "ahead", ""]


@pytest.mark.parametrize("columns", [3, 20, 57, 200])
@pytest.mark.parametrize("start", [0.0, 3000.0])
def test_the_axis_is_as_wide_as_its_plot_and_labelled_at_round_times(columns: int, start: float) -> None:
    (line,) = text_of([ticks(Axis(start, 3.0, columns))])
    assert len(line) == 7 + columns
    labels = [label for label in line.replace("└", "─").split("─") if label.strip()]
    assert all(label.endswith(("0", "5")) for label in labels)
    assert len(set(labels)) == len(labels)


@given(st.integers(0, 60), st.integers(0, 220))
def test_plots_keep_within_their_room(rows: int, width: int) -> None:
    lines = plots(FRAME, Tape(), width, rows)
    assert len(lines) <= rows
    assert all(width_of(line) <= width for line in lines)


FRAME = run.frame_at(20.0)


def test_rows_are_used_for_more_plots_as_there_are_more() -> None:
    def titles(rows: int) -> list[str]:
        drawn = " ".join(text_of(plots(FRAME, Tape(), 120, rows)))
        return [title for title in ("calls/s", "ttft p95", "in flight", "errors") if title in drawn]

    assert [len(titles(rows)) for rows in (4, 6, 8, 10, 30)] == [1, 2, 3, 4, 4]


def test_without_a_planned_rate_only_what_was_asked_for_is_shaded() -> None:
    open_model = "".join(text_of(plots(FRAME, Tape(), 100, 6)))
    closed_model = "".join(text_of(plots(replace(FRAME, planned_rate=None), Tape(), 100, 6)))
    assert open_model.count("░") > 20
    assert closed_model.count("░") <= 1 + 3  # the legend, and seconds in which a call was still to be sent
