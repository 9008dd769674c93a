"""The figures that every report shares, against what is known of the sample run."""

from __future__ import annotations

import pytest
import reports_samples as samples

from llmload.metrics.catalogue import METRICS
from llmload.metrics.summary import Summary
from llmload.reports.figures import GROUPS, amounts, distributions, figures, groups, slices


def test_every_metric_has_its_place_in_the_tables() -> None:
    placed = [name for _, names in GROUPS for name in names]
    assert sorted(placed) == sorted(set(placed))
    assert set(placed) == set(METRICS)


def test_a_metric_without_a_place_is_shown_all_the_same() -> None:
    found = distributions(samples.summary().select())
    stranger = {"new": found["ttft"]}
    assert list(groups(stranger)) == [("other", [found["ttft"]])]


def test_the_time_to_first_output_is_left_out_where_nothing_was_reasoned() -> None:
    assert "ttfo" not in distributions(samples.summary().select())


def test_amounts_leave_the_warm_up_out() -> None:
    found = {amount.name: amount for amount in amounts(samples.summary())}
    assert found["planned"].count == 1100
    assert found["planned"].rate == pytest.approx(20.0, rel=0.01)
    assert found["succeeded"].share == pytest.approx(1075 / 1100)


def test_an_empty_run_has_figures_too() -> None:
    assert all((amount.count, amount.rate, amount.share) == (0, 0.0, 0.0) for amount in amounts(Summary()))
    assert figures(Summary())["total"]["metrics"] == {}


def test_figures_are_in_si_units() -> None:
    total = figures(samples.summary())["total"]["metrics"]
    assert total["ttft"]["p50"] == pytest.approx(0.135, abs=0.01)
    assert total["tokens_per_second"]["mean"] == pytest.approx(52, abs=2)
    assert total["cost"]["mean"] == pytest.approx(30e-6, rel=0.1)
    assert total["ttft"]["p99.9"] is None


def test_cuts_add_up_to_the_whole() -> None:
    whole = samples.summary().select(measured=True)
    for dimension, parts in slices(samples.summary()):
        calls = sum(part.calls for part in parts.values())
        assert calls == (1200 if dimension == "phase" else whole.calls), dimension
