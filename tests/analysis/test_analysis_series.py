"""Series: each window's counts and times, and that making windows wider loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.analysis.series import Series
from llmload.metrics.buckets import COARSE, fold
from llmload.metrics.summary import Summary, Window
from llmload.records import Outcome

Calls = list[tuple[int, str, int]]
"""(second, class, latency in ms)."""
CALLS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["chat", "embed"]), st.integers(1, 5000)), max_size=60)


def made(calls: Calls, bad: Calls = ()) -> Summary:
    summary = Summary(elapsed=41.0)
    for second, cls, latency in calls:
        window = summary.windows.setdefault(second, {}).setdefault(cls, Window())
        window.outcomes[Outcome.OK] = window.outcomes.get(Outcome.OK, 0) + 1
        (folded,) = fold(np.array([latency * 1000]), np.zeros(1, np.int64), COARSE)
        window.add("latency", folded.values)
        unclassed = summary.windows[second].setdefault("", Window())
        unclassed.sent += 1
        unclassed.peaks[0] = max(unclassed.peaks.get(0, 0), unclassed.sent)
    for second, cls, _ in bad:
        window = summary.windows.setdefault(second, {}).setdefault(cls, Window())
        window.outcomes[Outcome.HTTP_5XX] = window.outcomes.get(Outcome.HTTP_5XX, 0) + 1
    return summary


def test_windows_without_anything_are_there_and_empty() -> None:
    series = Series.of(made([(0, "chat", 100), (3, "chat", 300)]))
    assert series.at.tolist() == [0, 1, 2, 3]
    assert series.ok.tolist() == [1, 0, 0, 1]
    assert series.mean("latency") == pytest.approx([0.1, np.nan, np.nan, 0.3], nan_ok=True, rel=0.01)
    assert np.isnan(series.error_rate[1])


def test_a_class_and_a_span_can_be_chosen() -> None:
    summary = made([(0, "chat", 100), (1, "embed", 10), (2, "chat", 200)])
    assert Series.of(summary, "chat").ok.tolist() == [1, 0, 1]
    cut = Series.of(summary, span=(0.5, 2.9))
    assert (cut.at.tolist(), cut.ok.tolist()) == ([1], [1]), "whole windows only"


def test_errors_and_outcomes() -> None:
    series = Series.of(made([(0, "chat", 5), (1, "chat", 5)], bad=[(1, "chat", 0)]))
    assert series.error_rate.tolist() == [0.0, 0.5]
    assert series.outcome(Outcome.HTTP_5XX).tolist() == [0, 1]


def test_an_empty_run_has_no_windows() -> None:
    series = Series.of(Summary())
    assert len(series) == len(series.percentile("latency", 95)) == len(series.regrouped(5)) == 0


def test_other_metrics_are_refused() -> None:
    with pytest.raises(ValueError, match="not kept second by second"):
        Series.of(Summary()).histograms("tpot")


@given(CALLS, st.integers(1, 7))
def test_wider_windows_hold_the_same_calls(calls: Calls, factor: int) -> None:
    series = Series.of(made(calls))
    wide = series.regrouped(factor)
    kept = len(wide) * factor
    assert wide.ok.sum() == series.ok[:kept].sum()
    assert wide.in_flight.max(initial=0) == series.in_flight[:kept].max(initial=0), "a peak, not a sum"
    assert sum(each.count for each in wide.histograms("latency")) == series.ok[:kept].sum()
    assert wide.rate("sent").sum() * wide.width == pytest.approx(series.sent[:kept].sum())
