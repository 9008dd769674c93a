"""A network that was not the same before the load and after it casts doubt on what was measured between."""

from __future__ import annotations

import pytest
from verdict_runs import Run

from llmload.metrics.ping import Ping, Pinged, Trips
from llmload.metrics.summary import Summary
from llmload.verdict.network import typical
from llmload.verdict.validity import Level, Reason, RunFacts, validity


def ping(seconds: float) -> Ping:
    return Ping("host:443", steps={"tcp": Trips(5, 0, seconds, seconds, seconds, seconds, 0.0)})


def reason(summary: Summary, pinged: Pinged, target: str = "main") -> Reason | None:
    found = validity(summary, RunFacts(cpus=8, duration=10.0, ping={target: pinged})).reasons
    return next((each for each in found if each.code == "network"), None)


def test_the_text_says_what_it_was_and_what_it_is_beside_the_figures() -> None:
    found = reason(Run().calls(100, ttft=0.4).done(), Pinged(ping(0.031), ping(0.095)))
    assert found is not None
    assert found.level is Level.SUSPECT
    assert found.text == (
        "the network's round trip to main was 31.0 ms before the load and 95.0 ms after it, apart by 16% of TTFT p50"
    )


@pytest.mark.parametrize(
    ("before", "after", "ttft", "doubtful"),
    [
        (0.030, 0.055, 0.4, True),  # 25 ms are 6 % of 400 ms
        (0.055, 0.030, 0.4, True),  # faster afterwards is no better
        (0.030, 0.045, 0.4, False),  # 4 %
        (0.0001, 0.0045, 0.01, False),  # 44 %, but only 4 ms
        (0.030, 0.030, 0.4, False),
    ],
)
def test_it_takes_a_share_and_a_time(before: float, after: float, ttft: float, doubtful: bool) -> None:
    found = reason(Run().calls(100, ttft=ttft).done(), Pinged(ping(before), ping(after)))
    assert (found is not None) == doubtful


@pytest.mark.parametrize(
    "pinged", [Pinged(), Pinged(ping(0.1)), Pinged(None, ping(0.1)), Pinged(ping(0.1), Ping("host:443"))]
)
def test_what_was_not_measured_casts_no_doubt(pinged: Pinged) -> None:
    assert reason(Run().calls(100).done(), pinged) is None


def test_a_target_without_calls_casts_no_doubt() -> None:
    assert reason(Run().calls(100).done(), Pinged(ping(0.03), ping(0.09)), "other") is None


def test_what_it_is_held_against() -> None:
    found = typical(Run().calls(100, ttft=0.1, latency=0.2).done(), "main")
    assert found is not None
    assert found[0] == "ttft"
    assert found[1] == pytest.approx(0.1, rel=0.01)
    assert typical(Run().calls(10, ttft=0.1).done(), "other") is None
