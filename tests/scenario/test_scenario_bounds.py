from __future__ import annotations

import pytest

from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.scenario.bounds import parse_bound


@pytest.mark.parametrize(
    ("metric", "bound", "value"),
    [
        ("ttft", "500ms", 500_000_000),
        ("itl", "1s", 10**9),
        ("tokens_per_second", 20, 20_000),
        ("tokens_per_second", "5/s", 5_000),
    ],
)
def test_bounds_are_in_the_unit_of_a_call(metric: str, bound: str | int, value: int) -> None:
    assert parse_bound(metric, bound) == value


@pytest.mark.parametrize(
    ("metric", "bound", "message"),
    [
        ("ttff", "1s", "did you mean ttft"),
        ("stall", "1s", "no single request"),
        ("output_tokens", 5, "no single request"),
        ("ttft", 5, 'write "5ms"'),
        ("ttft", "5", "is not a duration"),
        ("tokens_per_second", "fast", "whole number"),
        ("ttft", "0s", "more than 0"),
    ],
)
def test_what_no_request_can_be_held_to_is_refused(metric: str, bound: str | int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_bound(metric, bound)


@pytest.mark.parametrize("metric", ["ttft", "ttfo", "latency", "itl", "tpot", "tokens_per_second", "connect"])
def test_the_recorder_takes_every_bound_that_is_accepted(metric: str) -> None:
    value = parse_bound(metric, 5 if metric == "tokens_per_second" else "1s")
    Recorder(RecorderSetup(start=1, objectives={"chat": {metric: value}}))
