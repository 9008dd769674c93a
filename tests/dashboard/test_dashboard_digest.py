"""A Summary folded once."""

from __future__ import annotations

import dashboard_run as run
import pytest

from llmload.dashboard.digest import digest
from llmload.metrics.summary import Summary


@pytest.fixture(scope="module")
def summary() -> Summary:
    return run.frame_at(100.0).summary


def test_rows_are_the_measured_calls_of_each_class(summary: Summary) -> None:
    made = digest(summary)
    assert [row.name for row in made.classes] == sorted(run.CLASSES)
    for row in made.classes:
        exact = summary.select(**{"class": row.name})
        assert row.calls == exact.calls
        assert row.errors == exact.errors
        assert row.error_rate == exact.error_rate
        for name, histogram in row.histograms.items():
            assert histogram.count == exact.histogram(name).count
            assert histogram.percentile(95) == exact.histogram(name).percentile(95)


def test_the_total_is_all_of_them(summary: Summary) -> None:
    made, exact = digest(summary), summary.select()
    assert made.total.calls == exact.calls
    assert made.total.histograms["ttft"] == exact.good["ttft"]
    assert made.lag == exact.histogram("schedule_lag")
    assert not made.warming


def test_rates_are_those_of_the_last_whole_seconds(summary: Summary) -> None:
    now = digest(summary).total.now
    last = int(summary.elapsed - 0.5)
    recent = [window for second in range(last - 5, last) for window in summary.windows[second].values()]
    assert now.sent == sum(window.sent for window in recent) / 5
    assert now.completed == sum(window.completed for window in recent) / 5
    assert now.output_tokens == sum(window.output_tokens for window in recent) / 5
    assert sum(row.now.completed for row in digest(summary).classes) == pytest.approx(now.completed)


def test_a_warm_up_is_shown_while_there_is_nothing_else() -> None:
    warm = run.frame_at(10.0).summary
    assert digest(warm).warming
    assert digest(warm).total.calls == warm.completed > 0


def test_nothing_at_all_is_nothing() -> None:
    made = digest(Summary())
    assert (made.total.calls, made.classes, made.total.error_rate, made.total.now.goodput) == (0, [], None, None)
