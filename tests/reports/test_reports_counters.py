"""What prompts were counted with, as results say it."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
import reports_samples as samples
from virtual_run import plan_of, run_plan

from llmload.metrics.summary import Summary, WorkerHealth
from llmload.records import Api
from llmload.reports import json_report
from llmload.reports.counters import CounterInfo, counters_of, said
from llmload.reports.result import parse_result
from llmload.reports.text import render
from llmload.workload.spec import Fitted, Lengths, PromptSpec, RequestClass, TokenizerSpec

LEARNING = """
[targets.main]
base_url = "sim:"
model = "sim-model"
tokenizer = { learn = true, overhead = 7 }
[classes.chat]
prompt = { style = "code", tokens = "50..100" }
max_tokens = 1
[load]
process = "uniform"
rate = "20/s"
duration = "10s"
"""


def _class(name: str, tokenizer: TokenizerSpec, fitted: Fitted | None = None, api: Api = Api.CHAT) -> RequestClass:
    prompt = PromptSpec(tokens=Lengths("fixed", low=9), fitted=fitted)
    return RequestClass(name, 1.0, api, ("main",), "m", prompt=prompt, tokenizer=tokenizer)


def test_each_way_of_counting_is_said_once_with_its_classes() -> None:
    fitted = Fitted({"a": ("b", 9)}, (("b", 9),) * 1200)
    classes = (
        _class("chat", TokenizerSpec("file", "some/where/tokenizer.json", overhead=7)),
        _class("more", TokenizerSpec("file", "some/where/tokenizer.json")),
        _class("served", TokenizerSpec("server", "m"), fitted),
        _class("open", TokenizerSpec("tiktoken", "o200k_base")),
        _class("rest", TokenizerSpec()),
        _class("models", TokenizerSpec(), api=Api.MODELS),
    )
    counters = counters_of(replace(plan_of(LEARNING), classes=classes))
    assert counters[0] == CounterInfo("chat", "file", "tokenizer.json", 7)
    assert list(said(counters, Summary())) == [
        "prompts of chat, more: tokens counted with tokenizer.json",
        "prompts of served: tokens counted by the server's own tokenizer (1,200 prompts)",
        "prompts of open: tokens counted with o200k_base",
        "prompts of rest: tokens estimated",
    ]
    assert list(said(counters[-1:], Summary())) == []


@pytest.mark.parametrize("shards", [1, 2])
def test_what_a_run_learns_is_in_its_result_and_in_the_report(shards: int) -> None:
    plan = plan_of(LEARNING)
    ran = run_plan(plan, shards)
    result = replace(samples.empty(), summary=ran.summary, counters=counters_of(plan))
    (counter,) = orjson.loads(json_report.render(result))["counters"]
    asked = [record for record in ran.records if record.answer.usage]
    kinds = counter["learned"]
    assert set(kinds) == {"", "python", "javascript"}
    sums = [sums for health in ran.summary.health.values() for sums in health.learned.sums.values()]
    assert sum(reported for _, reported in sums) == sum((r.answer.usage.input or 0) - 7 for r in asked)  # type: ignore[union-attr]
    assert kinds[""] == pytest.approx(sum(own for _, own in sums) / sum(of for of, _ in sums))
    line = f"prompts of chat: tokens estimated; learned: the server counts {kinds['']:.3f} for each"
    assert line in " ".join(render(result, 200).split())
    assert parse_result(json_report.render(result), "r.json").counters == result.counters


def test_a_result_of_before_has_no_counters() -> None:
    document = orjson.loads(json_report.render(samples.result()))
    del document["counters"]
    for health in document["summary"]["health"]:
        del health["learned"]
    assert parse_result(orjson.dumps(document), "r.json").counters == ()
    assert WorkerHealth().learned.factors("chat") == {}
