"""Dimensions in reports: every crossing counted, what explains latency, described by the schema."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import orjson
import reports_samples as samples
from test_reports_schema import closed

from llmload.clock import NS
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.records import Api, Call, Outcome, Record
from llmload.reports import json_report, text
from llmload.reports.crossed import crossed
from llmload.reports.result import Result
from llmload.reports.schema import SCHEMA

USERS, REGIONS = ("free", "premium"), ("asia", "eu", "us")


def summary(users: tuple[str, ...] = USERS, regions: tuple[str, ...] = REGIONS) -> Summary:
    recorder = Recorder(RecorderSetup(NS, slice_tags=("user", "region")))
    for index in range(600):
        user, region = users[index % 2], regions[index // 2 % len(regions)]
        call = Call(index, "chat", "main", Api.CHAT, "m", tags=(("user", user), ("region", region)))
        record = Record(call, NS + index * NS // 10, "main")
        record.dispatched = record.sent = record.planned
        slow = 2 if (user, region) == (users[0], regions[0]) else 1
        record.end = record.planned + slow * (100 + index % 7) * 1_000_000
        record.outcome = Outcome.HTTP_5XX if index == 43 else Outcome.OK
        recorder.add(record)
    return recorder.take()


def result(whole: Summary) -> Result:
    return replace(samples.result(), summary=whole)


def test_the_text_says_what_explains_latency_and_how_each_crossing_fared() -> None:
    said = text.render(result(summary()), width=100).splitlines()
    (asia,) = (line for line in said if "asia / free" in line)
    assert asia.split()[3:] == ["100", "0%", "206ms", "~212ms"]
    (eu,) = (line for line in said if "eu / premium" in line)
    assert eu.split()[3] == "100"
    (us,) = (line for line in said if "us / premium" in line)
    assert us.split()[3:5] == ["100", "0%"]
    assert sum("1%" in line for line in said if " / " in line) == 1
    first = said.index(next(line for line in said if line.startswith("What explains latency"))) + 1
    assert said[first].startswith("region x user")
    assert "p <0.001" in said[first]


def test_the_insight_names_the_crossing_and_how_slow_it_is() -> None:
    (insight,) = (each for each in result(summary()).insights if each.code == "variance")
    assert insight.text.startswith("region x user explains ")
    assert insight.text.endswith("asia/free takes 2 times as long as the rest")
    assert insight.level.value == "warning"
    assert "100 calls of asia/free" in insight.evidence


def test_figures_are_described_and_in_seconds() -> None:
    document = orjson.loads(json_report.render(result(summary())))
    jsonschema.Draft202012Validator(closed(SCHEMA)).validate(document)
    crossed = document["figures"]["crossed"]
    (crossing,) = crossed["crossings"]
    assert crossing["of"] == ["region", "user"]
    assert crossing["groups"][0]["values"] == ["asia", "free"]
    assert 0.2 < crossing["groups"][0]["p50"] < 0.212
    assert crossing["groups"][0]["p95"] is None  # 100 calls are too few
    terms = {tuple(term["of"]): term for term in crossed["variance"]["terms"]}
    assert terms["region", "user"]["together"] > 0.9
    made = crossed["variance"]
    assert 0.999 < sum(term["share"] for term in terms.values()) + made["left"] + made["shared"] < 1.01


def test_a_run_that_is_cut_by_class_and_phase_alone_has_no_such_section() -> None:
    whole = summary(("all", "all"), ("all",))
    assert "Crossings" not in text.render(result(whole))
    assert orjson.loads(json_report.render(result(whole)))["figures"]["crossed"] == {"crossings": [], "variance": None}


def test_one_dimension_alone_explains_nothing_that_its_own_table_does_not_show() -> None:
    said = text.render(result(summary(("all", "all"))))
    assert "What explains latency" not in said


def test_what_a_class_tells_is_not_explained() -> None:
    whole, made = summary(("all", "all"), ("all",)), Summary()
    made.phases, made.elapsed, made.windows = whole.phases, whole.elapsed, whole.windows
    for (key, part), (cls, model) in zip(
        [*whole.cells.items()] * 3, (("a", "large"), ("b", "large"), ("c", "small")), strict=True
    ):
        made.cells[key._replace(cls=cls, model=model, tags=())] = part
    assert crossed(made) is None


def test_of_very_many_crossings_the_first_are_shown_and_the_rest_is_counted() -> None:
    said = text.render(result(summary(regions=tuple(f"r{n}" for n in range(30)))))
    assert "and 30 more, which are in the JSON document" in said


def test_names_that_others_wrote_are_harmless() -> None:
    said = text.render(result(summary(("\x1b[31mfree", "[bold]premium"))), width=100)
    assert "\x1b" not in said
    assert "[bold]premium" in said
