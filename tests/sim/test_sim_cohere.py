"""Cohere's own SDK judges the simulator, and our dialect reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError
from virtual_run import plan_of, run_plan

from llmload.records import Outcome
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem, tag

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "answer": 20,
    "dimensions": 16,
    "keys": {"good": {}, "limited": {"rate": "1/h"}, "broken": {}},
    "faults": [{"kind": "error-event", "key": "broken", "after": 2}],
}
TOOLS: Any = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.root


@contextmanager
def client(root: str, key: str = "good") -> Iterator[Any]:
    with httpx.Client(timeout=10) as carrier:
        yield cohere.ClientV2(
            key, base_url=f"{root}/cohere", httpx_client=carrier, log_warning_experimental_features=False
        )


def options(name: str) -> dict[str, Any]:
    return {"request_options": {"max_retries": 0, "additional_headers": {"x-request-id": name}}}


def test_a_chat(root: str) -> None:
    with client(root) as judge:
        answer = judge.chat(model="sim-model", messages=MESSAGES, max_tokens=8, **options("a"))
    assert (answer.finish_reason, answer.usage.tokens.output_tokens) == ("MAX_TOKENS", 8)
    assert integrity_problem(answer.message.content[0].text, tag("a")) == ""
    assert len(answer.message.content[0].text.split()) == 8
    assert answer.usage.tokens.input_tokens > 0


def test_a_streamed_chat(root: str) -> None:
    with client(root) as judge:
        events = list(judge.chat_stream(model="sim-model", messages=MESSAGES, max_tokens=8, **options("b")))
    assert [event.type for event in events] == [
        "message-start", "content-start", *["content-delta"] * 8, "content-end", "message-end",
    ]  # fmt: skip
    text = "".join(event.delta.message.content.text for event in events if event.type == "content-delta")
    assert integrity_problem(text, tag("b")) == ""
    end = events[-1].delta
    assert (end.finish_reason, end.usage.tokens.output_tokens, end.usage.billed_units.output_tokens) == (
        "MAX_TOKENS",
        8,
        8,
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thoughts(root: str, stream: bool) -> None:
    asked = {"model": "sim-model", "messages": MESSAGES, "thinking": {"type": "enabled", "token_budget": 5}}
    with client(root) as judge:
        if not stream:
            content = judge.chat(**asked).message.content
            assert [part.type for part in content] == ["thinking", "text"]
            assert (len(content[0].thinking.split()), len(content[1].text.split())) == (5, 15)
            return
        events = list(judge.chat_stream(**asked))
    deltas = [event.delta.message.content for event in events if event.type == "content-delta"]
    assert [bool(each.thinking) for each in deltas] == [True] * 5 + [False] * 15
    assert [event.index for event in events if event.type == "content-start"] == [0, 1]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called(root: str, stream: bool) -> None:
    asked = {"model": "sim-model", "messages": MESSAGES, "tools": TOOLS, "tool_choice": "REQUIRED", **options("c")}
    with client(root) as judge:
        if stream:
            events = list(judge.chat_stream(**asked))
            begun = next(event for event in events if event.type == "tool-call-start").delta.message.tool_calls
            parts = [event for event in events if event.type == "tool-call-delta"]
            name = begun.function.name
            arguments = "".join(event.delta.message.tool_calls.function.arguments for event in parts)
            finish = events[-1].delta.finish_reason
        else:
            answer = judge.chat(**asked)
            (call,) = answer.message.tool_calls
            name, arguments, finish = call.function.name, call.function.arguments, answer.finish_reason
    assert (name, finish) == ("find", "TOOL_CALL")
    assert integrity_problem(httpx.Response(200, text=arguments).json()["text"], tag("c")) == ""


def test_embeddings(root: str) -> None:
    with client(root) as judge:
        found = judge.embed(
            model="sim-model", texts=["a", "b", "a"], input_type="search_document", embedding_types=["float"]
        )
    first, second, third = found.embeddings.float_
    assert first == third != second
    assert len(first) == 16
    assert found.meta.billed_units.input_tokens == 3


def test_rerank(root: str) -> None:
    with client(root) as judge:
        found = judge.rerank(model="sim-model", query="q", documents=["a", "b", "c"], top_n=2)
    scores = [result.relevance_score for result in found.results]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert {result.index for result in found.results} < {0, 1, 2}


@pytest.mark.parametrize(
    ("key", "model", "kind"),
    [
        ("wrong", "sim-model", cohere.UnauthorizedError),
        ("good", "no-model", cohere.NotFoundError),
        ("limited", "sim-model", cohere.TooManyRequestsError),
    ],
)
def test_errors(root: str, key: str, model: str, kind: type[ApiError]) -> None:
    with client(root, key) as judge:
        if key == "limited":
            judge.chat(model=model, messages=MESSAGES, max_tokens=1, **options("e"))
        with pytest.raises(kind) as caught:
            judge.chat(model=model, messages=MESSAGES, max_tokens=1, **options("e"))
    assert caught.value.body["message"]


def test_an_error_inside_a_stream(root: str) -> None:
    with client(root, "broken") as judge:
        events = list(judge.chat_stream(model="sim-model", messages=MESSAGES, max_tokens=9))
    assert [event.type for event in events][-2:] == ["content-delta", "message-end"]
    assert events[-1].delta.finish_reason == "ERROR"
    assert events[-1].delta.error


RUN = """
[targets.main]
base_url = "sim:"
dialect = "cohere"
model = "sim-model"
[classes.chat]
stream = true
integrity = "sim"
prompt = { tokens = "20..60" }
max_tokens = 30
[classes.whole]
integrity = "sim"
max_tokens = 30
[classes.embed]
api = "embeddings"
batch = 4
[classes.rank]
api = "rerank"
batch = 5
[load]
process = "uniform"
rate = "20/s"
duration = "10s"
"""


def test_our_dialect_reads_what_the_sdk_has_judged() -> None:
    ran = run_plan(plan_of(RUN))
    total = ran.summary.select()
    assert total.outcomes == {Outcome.OK: 200}
    for record in ran.records:
        answer, cls = record.answer, record.call.cls
        if cls == "chat":
            assert answer.usage is not None
            assert len(answer.stamps) == answer.usage.output
        assert answer.items == {"chat": 0, "whole": 1, "embed": 4, "rank": 5}[cls]


def test_our_dialect_sees_what_is_wrong() -> None:
    text = RUN[: RUN.index("[classes.whole]")] + RUN[RUN.index("[load]") :]
    for fault, outcome in (("error-event", Outcome.ERROR_EVENT), ("truncate", Outcome.TRUNCATED)):
        ran = run_plan(plan_of(f'{text}[sim]\nfaults = [{{ kind = "{fault}", after = 3 }}]\n'))
        assert ran.summary.select().outcomes == {outcome: 200}, fault
