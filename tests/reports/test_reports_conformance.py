"""What every report must do, whichever it is: a new line in REPORTS is held to this at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import reports_samples as samples

from llmload.reports import REPORTS, json_report
from llmload.reports.result import Result, parse_result

MADE = [samples.result, samples.empty, samples.interrupted, samples.hostile, samples.overloaded]


@pytest.fixture(params=sorted(REPORTS))
def report(request: pytest.FixtureRequest) -> Callable[[Result], bytes]:
    return REPORTS[request.param]


@pytest.mark.parametrize("make", MADE)
def test_any_result_makes_bytes_that_are_utf_8_and_end_a_line(
    report: Callable[[Result], bytes], make: Callable[[], Result]
) -> None:
    made = report(make())
    assert made.decode("utf-8").endswith("\n")


@pytest.mark.parametrize("make", MADE)
def test_the_same_result_makes_the_same_bytes(report: Callable[[Result], bytes], make: Callable[[], Result]) -> None:
    assert report(make()) == report(make())


@pytest.mark.parametrize("make", MADE)
def test_a_result_that_was_saved_makes_the_same_report(
    report: Callable[[Result], bytes], make: Callable[[], Result]
) -> None:
    assert report(parse_result(json_report.render(make()), "x")) == report(make())


def test_no_raw_control_character_of_a_server_gets_through(report: Callable[[Result], bytes]) -> None:
    made = report(samples.hostile())
    assert not {byte for byte in made if byte < 32} - {10}
    assert b"\x7f" not in made


def test_a_report_leaves_the_result_as_it_was(report: Callable[[Result], bytes]) -> None:
    before = json_report.render(samples.result())
    report(samples.result())
    assert json_report.render(samples.result()) == before
