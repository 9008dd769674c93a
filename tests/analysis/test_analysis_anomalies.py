"""Anomalies: planted ones are found and named, healthy soaks are quiet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from analysis_runs import Made, phases

from llmload.analysis.anomalies import LEAST, anomalies
from llmload.analysis.insights import Facts, Gravity, insights
from llmload.metrics.summary import Summary
from llmload.records import Outcome


def soak(
    seconds: int = 300,
    seed: int = 1,
    slow: Mapping[int, float] | None = None,
    failing: Mapping[int, float] | None = None,
    silent: range = range(0),
    usual: float = 0.005,
) -> Summary:
    """30 calls a second whose latencies vary, with a queue that makes neighbours alike; 0.5 % fail."""
    rng, made, queue = np.random.default_rng(seed), Made(phases(hold=seconds)), 0.0
    for second in range(seconds):
        queue = 0.8 * queue + 0.03 * rng.standard_normal()
        failed = int(rng.binomial(30, (failing or {}).get(second, usual)))
        factor = (slow or {}).get(second, 1.0) * np.exp(queue)
        latency = 0.5 * factor * np.exp(0.5 * rng.standard_normal(30 - failed))
        if second in silent:
            made.second(second, [], {Outcome.UNFINISHED: 30})
            continue
        made.second(second, latency, {Outcome.HTTP_5XX: failed})
    return made.summary


SPAN = (0.0, 300.0)


def test_healthy_soaks_are_quiet() -> None:
    alarms = sum(bool(anomalies(soak(seed=seed), SPAN)) for seed in range(25))
    assert alarms <= 3, "fewer than 5 % of 25, and one standard error and a half"


def test_a_stall_is_found_with_its_time_and_its_size() -> None:
    (found,) = anomalies(soak(slow={120: 4.0, 121: 4.0, 122: 2.5}), SPAN)
    assert (found.what, found.start) == ("latency", 120.0)
    assert found.end == pytest.approx(123, abs=1)
    assert found.worst == pytest.approx(4, rel=0.25)
    assert found.words().startswith("latency 4") or found.words().startswith("latency 3.")


def test_a_burst_of_errors_is_found() -> None:
    (found,) = anomalies(soak(failing={200: 0.5, 201: 0.5}), SPAN)
    assert (found.what, found.start, found.end) == ("errors", 200.0, 202.0)
    assert 0.3 < found.worst < 0.8


def test_silence_is_found() -> None:
    (found,) = anomalies(soak(silent=range(50, 54)), SPAN)
    assert (found.what, found.start, found.end) == ("silence", 50.0, 54.0)
    assert found.words() == "no call ended at 50.0 s, for 4.00 s"


def test_a_new_level_and_a_slow_growth_are_no_anomalies() -> None:
    level = dict.fromkeys(range(150, 300), 2.0)
    growth = {second: 1.0 + second / 300 for second in range(300)}
    assert anomalies(soak(slow=level), SPAN) == ()
    assert anomalies(soak(slow=growth), SPAN) == ()


def test_errors_that_are_usual_are_none_either() -> None:
    assert anomalies(soak(usual=0.1), SPAN) == ()


def test_too_short_a_stretch_has_none() -> None:
    assert anomalies(soak(LEAST - 1, slow={10: 9.0}), (0.0, LEAST - 1.0)) == ()
    assert anomalies(Summary(), SPAN) == ()


def test_the_report_names_the_moments() -> None:
    found = insights(soak(slow={120: 4.0, 121: 4.0}, failing={200: 0.5}), Facts())
    (insight,) = [each for each in found if each.code == "anomalies"]
    assert insight.level is Gravity.WARNING
    assert insight.text == "2 moments of hold stand out from what is around them"
    assert len(insight.evidence) == 2
    assert "at 2 m 00 s" in insight.evidence[0]


def test_where_the_load_changes_nothing_is_called_an_anomaly() -> None:
    made = Made(phases(ramp=120))
    rng = np.random.default_rng(5)
    for second in range(120):
        made.second(second, (9.0 if second == 60 else 1.0) * np.exp(0.3 * rng.standard_normal(10 + second)))
    assert [each for each in insights(made.summary, Facts()) if each.code == "anomalies"] == []
