"""Results survive being written and read, and a file that can't be read says what is wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
import reports_samples as samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmload.arrivals.curves import Constant
from llmload.arrivals.process import Uniform
from llmload.errors import ExitStatus, ResultError
from llmload.reports import REPORTS, json_report, text
from llmload.reports.result import LoadInfo, Result, ScenarioInfo, parse_result
from llmload.scenario.plan import Load, Plan

MADE = [samples.result, samples.empty, samples.interrupted, samples.hostile]


@pytest.fixture(scope="module")
def saved() -> bytes:
    return json_report.render(samples.result())


@pytest.mark.parametrize("make", MADE)
def test_a_result_written_and_read_is_the_same(make: Callable[[], Result]) -> None:
    written = json_report.render(make())
    read = parse_result(written, "r.json")
    assert json_report.render(read) == written


def test_what_was_judged_and_measured_comes_back(saved: bytes) -> None:
    made, read = samples.result(), parse_result(saved, "r.json")
    assert read.judgements == made.judgements
    assert read.validity == made.validity
    assert read.scenario == made.scenario
    assert read.load == made.load
    assert read.summary.select().histogram("itl") == made.summary.select().histogram("itl")


def test_the_verdict_and_its_status_are_those_of_the_run() -> None:
    assert samples.result().exit_status() is ExitStatus.FAIL
    assert samples.empty().exit_status() is ExitStatus.PASS
    assert samples.interrupted().exit_status() is ExitStatus.INTERRUPTED
    assert parse_result(json_report.render(samples.interrupted()), "x").exit_status() is ExitStatus.INTERRUPTED


def _without(*path: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for name in path[:-1]:
            document = document[int(name) if isinstance(document, list) else name]
        del document[path[-1]]

    return change


def _with(value: object, *path: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for name in path[:-1]:
            document = document[int(name) if isinstance(document, list) else name]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without("kind"), "not a result of llmload"),
        (_with("2.0", "schema_version"), "newer llmload (schema 2.0, this one reads 1.x): upgrade"),
        (_with("0.9", "schema_version"), "schema 0.9, which this llmload no longer reads"),
        (_with(1, "schema_version"), "schema_version is 1"),
        (_without("summary"), "the document lacks 'summary'"),
        (_without("summary", "cells"), "summary lacks 'cells'"),
        (_with(0, "summary", "window_seconds"), "windows of 0 s"),
        (_with([], "summary"), "summary is of type array, not object"),
        (_with("AAAA", "summary", "cells", "0", "good", "latency", "hdr"), "damaged: summary"),
        (_with(7, "summary", "cells", "0", "good", "latency", "count"), "holds"),
        (_with("exploded", "summary", "errors", "0", "outcome"), "damaged: summary.errors[0].outcome is 'exploded'"),
        (_without("judgements", "0", "objective"), "judgements lacks 'objective'"),
        (_with("yes", "judgements", "0", "passed"), "judgements[0].passed is of type string, not boolean"),
        (_with("GOOD", "validity", "level"), "validity.level is 'GOOD'; enum ['VALID', 'SUSPECT', 'INVALID']"),
        (_without("version"), "the document lacks 'version'"),
        (_with("12", "duration"), "duration is of type string, not number"),
    ],
)
def test_a_damaged_document_says_what_is_wrong_and_where(
    saved: bytes, change: Callable[[Any], None], words: str
) -> None:
    document = orjson.loads(saved)
    change(document)
    with pytest.raises(ResultError) as caught:
        parse_result(orjson.dumps(document), "night.json")
    assert str(caught.value).startswith("night.json: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"not json", "not JSON, or cut short"),
        (b"[1, 2]", "not a result of llmload"),
        (b'{"a": ' * 5000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_file_that_is_no_result_is_told_apart(data: bytes, words: str) -> None:
    with pytest.raises(ResultError, match=words):
        parse_result(data, "x.json")


def test_a_file_cut_short_anywhere_is_a_result_error(saved: bytes) -> None:
    for cut in range(0, len(saved) - 2, max(1, len(saved) // 40)):
        with pytest.raises(ResultError):
            parse_result(saved[:cut], "x.json")


def test_a_newer_minor_version_is_read_and_what_it_added_left_out(saved: bytes) -> None:
    document = orjson.loads(saved)
    document["schema_version"] = "1.7"
    document["weather"] = "fine"
    document["scenario"]["mood"] = "good"
    document["judgements"][0]["objective"]["colour"] = "red"
    read = parse_result(orjson.dumps(document), "x.json")
    assert json_report.render(read) == saved


def test_what_an_older_minor_version_lacks_takes_its_default(saved: bytes) -> None:
    document = orjson.loads(saved)
    for part, name in (("load", "users"), ("scenario", "tags"), ("judgements", "note")):
        for holder in document[part] if isinstance(document[part], list) else [document[part]]:
            del holder[name]
    del document["aborted"]
    read = parse_result(orjson.dumps(document), "x.json")
    assert (read.aborted, read.load.users, read.scenario.tags) == ("", 0.0, {})


def test_what_targets_told_comes_back_and_stands_in_the_report(saved: bytes) -> None:
    told = {"main": {"software": "vLLM", "version": "0.6.3"}, "other": {"trouble": "it can not be reached"}}
    result = replace(parse_result(saved, "r.json"), target_environment=told, environment={"cpu": "A", "cpus": "8"})
    assert parse_result(json_report.render(result), "r.json").target_environment == told
    lines = text.render(result, 100).splitlines()
    assert "target main: vLLM, 0.6.3" in lines
    assert "target other: it can not be reached" in lines
    assert any(line.startswith("generator: 8 x A") for line in lines)


def test_a_result_knows_its_plan() -> None:
    load = Load("open", Constant(20.0, 60.0), Uniform(), 60.0, max_in_flight=5, max_requests=600)
    plan = Plan("peak", "why", (), (), load, (), demo=True, tags=(("team", "x"),), source={"name": "peak"})
    assert LoadInfo.of(load) == LoadInfo("open", 60.0, 20.0, 10.0, 600.0, 0.0, 5, "queue")
    info = ScenarioInfo.of(plan)
    assert (info.name, info.demo, info.tags, info.seeds) == (
        "peak", True, {"team": "x"}, {"arrivals": 1, "mix": 2, "prompts": 3},
    )  # fmt: skip
    users = LoadInfo.of(Load("closed", Constant(100.0, 60.0), Uniform(), 60.0))
    assert (users.users, users.peak_rate, users.expected_calls) == (100.0, 0.0, 0.0)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        found += _paths(item, (*path, key))
    return found


SMALL = json_report.render(samples.hostile())
PATHS = [path for path in _paths(orjson.loads(SMALL)) if path[0] != "figures"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(PATHS),
    st.sampled_from([None, True, -1, 2**63 - 1, 1.5, "", "x", "HISTFAAAAA==", [], {}, [1], {"a": 1}, [[]], "H4sI"]),
)
def test_whatever_is_wrong_with_a_document_it_is_a_result_or_a_result_error(
    path: tuple[Any, ...], junk: object
) -> None:
    document = orjson.loads(SMALL)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = junk
    with contextlib.suppress(ResultError):
        for report in REPORTS.values():
            report(parse_result(orjson.dumps(document), "x"))


def test_insights_are_derived_and_never_read_back() -> None:
    document = orjson.loads(json_report.render(samples.overloaded()))
    assert [insight["code"] for insight in document["insights"]] == ["ended", "breaking", "stalls", "leak"]
    document["insights"] = [{"code": 7}]
    assert Result.from_json(document).insights == samples.overloaded().insights


@pytest.mark.parametrize("junk", [{"window": -1}, {"availability": 1.0}, {"error_rate": 0}, {"window": 1e300}])
def test_a_service_level_that_can_not_be_is_damage(junk: dict[str, float]) -> None:
    document = orjson.loads(json_report.render(samples.result()))
    document["slo"] |= junk
    with pytest.raises(ResultError, match="slo"):
        parse_result(orjson.dumps(document), "here")
