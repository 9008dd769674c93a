"""JUnit XML against the schema that its readers share, and what stands in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import reports_samples as samples
import xmlschema

from llmload.reports.junit import TRUST, render
from llmload.reports.result import Result
from llmload.verdict.judge import Judgement
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import Level, Reason, Validity

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parent / "junit.xsd"))
INVALID = Validity(Level.INVALID, (Reason("lag", Level.INVALID, "the generator was late", "use --workers 4"),))


def suite(result: Result) -> ElementTree.Element:
    found = ElementTree.fromstring(render(result)).find("testsuite")
    assert found is not None
    return found


def case(result: Result, name: str) -> ElementTree.Element:
    return next(each for each in suite(result).iter("testcase") if each.get("name") == name)


@pytest.mark.parametrize(
    "make", [samples.result, samples.empty, samples.interrupted, samples.hostile, samples.overloaded]
)
def test_every_result_fits_the_schema(make: Callable[[], Result]) -> None:
    SCHEMA.validate(render(make()).decode())


@pytest.mark.parametrize("started", ["2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00.123456+00:00"])
def test_a_start_is_told_in_utc(started: str) -> None:
    assert suite(replace(samples.result(), started=started)).get("timestamp") == "2026-03-01T12:00:00"


@pytest.mark.parametrize("started", ["", "yesterday", "0001-01-01T00:00:00+23:00"])
def test_a_start_that_says_nothing_fits_the_schema_too(started: str) -> None:
    SCHEMA.validate(render(replace(samples.result(), started=started)).decode())


def test_characters_that_xml_has_no_place_for_are_left_out() -> None:
    everything = "".join(map(chr, [*range(0x100), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF, 0x10FFFF]))
    objectives = [
        replace(each, note=everything, objective=replace(each.objective, says=everything))
        for each in samples.result().judgements
    ]
    doubt = Validity(Level.SUSPECT, (Reason("x", Level.SUSPECT, everything),))
    made = replace(
        samples.result(), judgements=objectives, notes=(everything,), aborted=everything, validity=doubt,
        environment={everything: everything},
    )  # fmt: skip
    SCHEMA.validate(render(made).decode())


def test_an_objective_is_a_case_of_its_scenario() -> None:
    made = suite(samples.result())
    cases = list(made.iter("testcase"))
    names = [TRUST, *(str(judgement.objective) for judgement in samples.result().judgements)]
    assert [each.get("name") for each in cases] == names
    assert {each.get("classname") for each in cases} == {"peak"}
    assert (made.get("tests"), made.get("failures"), made.get("errors")) == ("7", "3", "0")


def test_a_missed_objective_fails_with_the_figure_and_what_it_means() -> None:
    failure = case(samples.result(), "ttft.p95{class=chat} < 200ms").find("failure")
    assert failure is not None
    assert failure.get("message") == "observed: 203 ms, margin -1.5%, 95 % interval 198 ms - 208 ms"
    assert "chat users would notice" in (failure.text or "")


def test_an_objective_that_is_met_has_nothing_to_say() -> None:
    assert not list(case(samples.result(), "ttft.p95 < 500ms"))


def test_an_objective_that_is_not_judged_is_skipped_and_says_why() -> None:
    rule = parse_objective("target.cpu.mean < 60%", optional=True)
    left = Judgement(rule, passed=True, note="no data: nothing observes the target")
    made = replace(samples.result(), judgements=(left,))
    skipped = case(made, "target.cpu.mean < 60%").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "no data: nothing observes the target"
    assert suite(made).get("skipped") == "1"
    SCHEMA.validate(render(made).decode())


def test_where_the_figures_are_invalid_nothing_passes_that_is_not_sure() -> None:
    unsure = [replace(each, bracket=None) for each in samples.result().judgements]
    result = replace(samples.result(), validity=INVALID, judgements=unsure)
    made = suite(result)
    assert {child.tag for each in made.iter("testcase") for child in each} == {"error"}
    assert made.get("errors") == made.get("tests")
    trust = case(result, TRUST).find("error")
    assert trust is not None
    assert trust.get("message") == "the figures are INVALID: the generator was late: use --workers 4"


@pytest.mark.parametrize(("bracket", "failures"), [((1.0, 2.0), "1"), ((0.01, 0.02), "0")])
def test_what_is_sure_stands_even_so(bracket: tuple[float, float], failures: str) -> None:
    passed = failures == "0"
    sure = [
        replace(each, bracket=bracket, passed=passed)
        for each in samples.result().judgements
        if each.objective.value == 0.2
    ]
    found = suite(replace(samples.result(), validity=INVALID, judgements=sure))
    assert (found.get("tests"), found.get("failures"), found.get("errors")) == ("2", failures, "1")


def test_properties_say_which_run_it_was() -> None:
    found = {each.get("name"): each.get("value") for each in suite(samples.result()).iter("property")}
    assert found["verdict"] == "FAIL"
    assert found["validity"] == "SUSPECT"
    assert found["seed.arrivals"] == "1"
    assert found["environment.python"] == "3.13.1"
