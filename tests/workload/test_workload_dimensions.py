"""Dimensions: crossed, drawn by themselves, and nothing else is drawn otherwise for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from llmload.records import Api, Call
from llmload.workload.dimensions import Dimension, Value
from llmload.workload.spec import RequestClass
from llmload.workload.workload import Workload

PLAIN = RequestClass(
    "chat", 1.0, Api.CHAT, ("a", "b"), "m", params={"temperature": 0}, headers={"x-app": "t"}, tags=(("tier", "one"),)
)
TENANT = Dimension("tenant", (Value("big", 8.0, key="big"), Value("small", 2.0, key="small", model="s")), 11)
REGION = Dimension(
    "region",
    (
        Value("eu", headers={"x-region": "eu"}),
        Value("us", headers={"x-region": "us"}, params={"user": "us"}, expect_status=frozenset({401})),
    ),
    12,
)
CUT = replace(PLAIN, dimensions=(TENANT, REGION))


def calls(*classes: RequestClass, count: int = 4000, **options: object) -> list[Call]:
    workload = Workload(classes, 2, 3)
    return [workload.call(index, **options) for index in range(count)]  # type: ignore[arg-type]


def test_values_come_by_weight_and_crossed() -> None:
    found = Counter((dict(call.tags)["tenant"], dict(call.tags)["region"]) for call in calls(CUT))
    assert found["big", "eu"] == pytest.approx(1600, rel=0.1)
    assert found["big", "us"] == pytest.approx(1600, rel=0.1)
    assert found["small", "eu"] == pytest.approx(400, rel=0.2)
    assert found["small", "us"] == pytest.approx(400, rel=0.2)


def test_a_value_makes_of_a_call_what_it_says() -> None:
    call = next(call for call in calls(CUT) if call.tags[1:] == (("tenant", "small"), ("region", "us")))
    assert (call.key, call.model, call.expect_status) == ("small", "s", frozenset({401}))
    assert call.headers == {"x-app": "t", "x-region": "us"}
    assert call.params == {"temperature": 0, "user": "us"}
    other = next(call for call in calls(CUT) if call.tags[1:] == (("tenant", "big"), ("region", "eu")))
    assert (other.key, other.model, other.params) == ("big", "m", {"temperature": 0})
    assert other.params is PLAIN.params


def test_calls_of_one_cut_ask_the_same_and_those_of_others_do_not() -> None:
    fixed = replace(CUT, prompt=replace(CUT.prompt, kind="text", text="Hello"))
    found = calls(fixed, count=100)
    for call in found:
        for other in found:
            if call.target == other.target:
                assert call.asks_the_same(other) is (call.tags == other.tags)


def test_all_other_draws_stay_as_they_were() -> None:
    for plain, cut in zip(calls(PLAIN, count=300), calls(CUT, count=300), strict=True):
        assert (plain.target, plain.messages, plain.max_tokens) == (cut.target, cut.messages, cut.max_tokens)
    alone = replace(PLAIN, dimensions=(REGION,))
    for one, two in zip(calls(alone, count=300), calls(CUT, count=300), strict=True):
        assert dict(one.tags)["region"] == dict(two.tags)["region"], "each dimension has a stream of its own"


def test_a_mix_may_stand_in_for_the_weights_of_values() -> None:
    found = Counter(dict(call.tags)["tenant"] for call in calls(CUT, values={"tenant": {"small": 1.0}}))
    assert found == {"small": 4000}
    found = Counter(dict(call.tags)["tenant"] for call in calls(CUT, values={"region": {"eu": 1.0}}))
    assert found["big"] == pytest.approx(3200, rel=0.1)


def test_targets_come_by_weight() -> None:
    weighted = replace(PLAIN, target_weights=(3.0, 1.0))
    found = Counter(call.target for call in calls(weighted))
    assert found["a"] == pytest.approx(3000, rel=0.05)
    assert weighted.share_of("a") == 0.75
    assert PLAIN.share_of("b") == 0.5


def test_a_pair_asks_both_targets_the_same_in_random_order() -> None:
    other = replace(PLAIN, name="other", weight=1.0)
    found = calls(replace(CUT, paired=True), other, count=2000)
    firsts: Counter[str] = Counter()
    for one, two in zip(found[::2], found[1::2], strict=True):
        assert one.cls == two.cls
        if one.cls == "chat":
            assert {one.target, two.target} == {"a", "b"}
            assert one.asks_the_same(two)
            assert one.tags == two.tags
            firsts[one.target] += 1
        else:
            assert one.messages != two.messages
    assert firsts["a"] == pytest.approx(firsts["b"], rel=0.2)
    assert len({call.messages for call in found if call.cls == "chat"}) > 400
