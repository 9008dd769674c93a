"""Between loads that were tried deviations change evenly; where nothing was tried nothing is claimed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from calibration_kit import calibration, step
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.calibration.calibration import Calibration, Noise
from llmload.metrics.precision import Pace

MADE = calibration()
SHARES = [MADE.share(each) for each in MADE.of("stream")]


def test_at_a_load_that_was_tried_it_is_what_was_found() -> None:
    for each, share in zip(MADE.of("stream"), SHARES, strict=True):
        found, beyond = MADE.deviations("stream", share)
        assert found["ttft"].p99 == pytest.approx(each.metrics["ttft"].p99)
        assert not beyond


@settings(deadline=None)
@given(way=st.floats(0, 1))
def test_between_two_loads_every_figure_lies_between_theirs(way: float) -> None:
    share = SHARES[1] + way * (SHARES[2] - SHARES[1])
    found, beyond = MADE.deviations("stream", share)
    assert found["itl"].bias == pytest.approx((0.2 + way * 0.2) / 1e3)
    assert found["itl"].p99 == pytest.approx(4 * found["itl"].bias)
    assert not beyond


def test_below_the_lowest_load_it_is_never_better_than_there() -> None:
    found, beyond = MADE.deviations("stream", 0.0)
    assert found == MADE.of("stream")[0].metrics
    assert not beyond


def test_beyond_the_highest_load_it_is_said_that_nothing_is_known() -> None:
    found, beyond = MADE.deviations("stream", SHARES[-1] + 0.01)
    assert found == MADE.of("stream")[-1].metrics
    assert beyond


def test_of_a_kind_that_was_not_tried_nothing_is_claimed() -> None:
    only = calibration(steps=MADE.steps[:4])
    assert only.deviations("whole", 0.1) == ({}, False)


def test_a_load_that_could_not_be_kept_up_counts_as_what_was_planned() -> None:
    overloaded = replace(step("stream", 400, 900.0), planned=1600.0)
    made = calibration(steps=(*MADE.steps, overloaded))
    assert made.of("stream")[-1] == overloaded
    assert made.deviations("stream", SHARES[2])[0] == MADE.of("stream")[2].metrics


def test_precise_ends_with_the_first_load_that_is_not() -> None:
    steps = (step("stream", 50, 0.1), step("stream", 100, 2.0), step("stream", 200, 0.4))
    assert calibration(steps=steps).precise_up_to("stream") == steps[0]
    assert calibration(steps=steps[1:]).precise_up_to("stream") is None
    assert MADE.precise_up_to("whole") == step("whole", 100, 0.3)


@pytest.mark.parametrize("noise", [Noise(others=0.2), Noise(steal=0.05)])
def test_one_disturbed_load_makes_a_disturbed_calibration(noise: Noise) -> None:
    steps = (*MADE.steps[:-1], replace(MADE.steps[-1], noise=noise))
    assert calibration(steps=steps).disturbed
    assert calibration(noise=noise).disturbed
    assert not MADE.disturbed


def test_a_document_holds_all_of_it() -> None:
    made = calibration(quick=True, noise=Noise(0.1, 0.2), notes=("as it was",))
    assert Calibration.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_the_document_tells_the_ceiling_to_those_who_only_want_that() -> None:
    ceiling = MADE.to_json()["ceiling"]
    assert ceiling["events_per_second"] == pytest.approx(52_000)
    assert ceiling["requests_per_second"] == pytest.approx(2_600)
    assert ceiling["streams_per_second"] == pytest.approx(1 / MADE.capacity.share(Pace(1, 100)))
