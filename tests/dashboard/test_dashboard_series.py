"""The axis of time, and values along it."""

from __future__ import annotations

import dashboard_run as run
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dashboard import series
from llmload.dashboard.series import Axis, Tape, axis_for, clock
from llmload.metrics.summary import Summary, Window
from llmload.records import Outcome


def summary_of(sent: dict[int, int], elapsed: float, width: int = 1) -> Summary:
    windows = {number: {"": Window(sent=count, planned=count)} for number, count in sent.items()}
    return Summary(elapsed=elapsed, windows=windows, window_seconds=width)


def test_a_short_run_is_shown_whole() -> None:
    assert axis_for(elapsed=12.0, duration=120.0, columns=60) == Axis(0.0, 2.0, 60)


def test_a_long_run_shows_its_last_minutes_and_what_comes_next() -> None:
    axis = axis_for(elapsed=3600.0, duration=86_400.0, columns=60)
    assert axis.start < 3600.0 < axis.end < 3600.0 + 120
    assert axis.end - axis.start == 600.0
    assert axis_for(elapsed=10.0, duration=86_400.0, columns=60).start == 0.0
    assert axis_for(elapsed=86_400.0, duration=86_400.0, columns=60).end <= 86_400.0 + axis.step


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(1, 200))
def test_the_present_is_always_on_the_axis(elapsed: float, duration: float, columns: int) -> None:
    axis = axis_for(elapsed, duration, columns)
    assert axis.columns == columns
    assert axis.start <= elapsed <= axis.end + 1e-6 * axis.end


def test_a_column_of_several_seconds_holds_their_mean() -> None:
    summary = summary_of({0: 10, 1: 20, 2: 30, 3: 40}, elapsed=10.0)
    assert Tape().read("sent", series.sent, Axis(0, 2, 6), summary) == [15, 35, 0, 0, 0, None]


def test_a_second_over_several_columns_is_in_each() -> None:
    summary = summary_of({0: 10, 1: 20}, elapsed=2.6)
    assert Tape().read("sent", series.sent, Axis(0, 0.5, 6), summary) == [10, 10, 20, 20, None, None]


def test_wide_windows_of_a_long_run_give_the_same_rates() -> None:
    summary = summary_of({0: 40, 1: 80}, elapsed=8.6, width=4)
    assert Tape().read("sent", series.sent, Axis(0, 4, 3), summary) == [10, 20, None]
    assert Tape().read("sent", series.sent, Axis(0, 2, 5), summary) == [10, 10, 20, 20, None]


def test_the_second_that_is_not_over_is_not_drawn() -> None:
    assert Tape().read("sent", series.sent, Axis(0, 1, 3), summary_of({0: 5, 1: 2}, elapsed=1.9)) == [5, None, None]


def test_what_comes_late_still_counts_while_it_can() -> None:
    tape, axis = Tape(), Axis(0, 1, 4)
    assert tape.read("sent", series.sent, axis, summary_of({0: 5, 1: 5}, elapsed=3.0)) == [5, 5, None, None]
    assert tape.read("sent", series.sent, axis, summary_of({0: 5, 1: 7}, elapsed=3.0)) == [5, 7, None, None]


def test_settled_columns_are_not_read_again() -> None:
    tape, axis = Tape(), Axis(0, 1, 3)
    tape.read("sent", series.sent, axis, summary_of({0: 5}, elapsed=60.0))
    assert tape.read("sent", series.sent, axis, summary_of({}, elapsed=61.0)) == [5, 0, 0]


def test_errors_calls_in_flight_and_ttft_come_from_the_same_windows() -> None:
    summary = run.frame_at(100.0).summary
    seconds = [summary.windows[number] for number in (80, 81)]
    errors = sum(w.outcomes.get(o, 0) for by in seconds for w in by.values() for o in Outcome if o.error)
    assert series.errors(seconds, 2) == errors / 2 > 0
    assert series.in_flight(seconds, 2) == max(by[""].in_flight for by in seconds)
    exact = summary.rolling(2.0, 82.0).good["ttft"].percentile(95) / 1e6
    assert series.ttft_p95(seconds, 2) == pytest.approx(exact, rel=0.02)
    assert series.ttft_p95([{}], 1) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.9, "0:07"), (60, "1:00"), (754, "12:34"), (11_045, "3:04:05"), (-3, "0:00")]
)
def test_the_clock_reads_like_one(seconds: float, text: str) -> None:
    assert clock(seconds) == text
