from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_kit import MS, SETUP, S, quick, record, records

from llmload.metrics.recorder import Recorder
from llmload.metrics.slowest import MOST, SAMPLED, SlowCall
from llmload.metrics.summary import Summary
from llmload.records import Outcome, Record
from llmload.tracing import Tracing, is_sampled


def call(latency_ms: float, index: int = 0, *, cls: str = "chat", at: float = 10.0, phase: str = "steady") -> Record:
    made = record(at, cls=cls, phase=phase, stream=False, duration_ms=latency_ms)
    made.call = replace(made.call, index=index)
    return made


def folded(*calls: Record) -> Summary:
    recorder = Recorder(SETUP)
    for each in calls:
        recorder.add(each)
    return recorder.take()


def test_of_each_class_the_slowest_calls_are_kept_the_slowest_first() -> None:
    calls = [call(100 + n * 37 % 50, n) for n in range(50)]
    found = folded(*calls, call(5, 77, cls="embed")).slowest
    assert [each.latency for each in found["chat"]] == [(149 - n) * MS for n in range(MOST)]
    assert [each.index for each in found["embed"]] == [77]


def test_a_slow_call_says_which_it_was_and_when() -> None:
    made = record(12.5, ttft_ms=100, gaps_ms=(20, 30), model="large", target="other")
    made.attempt, made.request_id, made.trace = 2, "req-1", "00-aa-bb-01"
    made.call = replace(made.call, index=9, turn=3)
    (found,) = folded(made).slowest["chat"]
    assert found == SlowCall(
        150 * MS, round(12.5 * S), 9, 3, 2, "chat", "other", "large", "steady", Outcome.OK, 200, 100 * MS, "req-1",
        "00-aa-bb-01",
    )  # fmt: skip


def test_calls_that_failed_or_never_ended_are_among_them() -> None:
    slow = record(ttft_ms=-1, outcome=Outcome.TIMEOUT_TOTAL, duration_ms=60_000, status=0)
    left = record(ttft_ms=100, outcome=Outcome.UNFINISHED, duration_ms=0)
    found = folded(record(), slow, left).slowest["chat"]
    assert [each.outcome for each in found] == [Outcome.TIMEOUT_TOTAL, Outcome.UNFINISHED, Outcome.OK]
    assert found[0].ttft == 0


def test_warm_up_and_calls_that_were_never_begun_are_not() -> None:
    never = record(outcome=Outcome.DROPPED, ttft_ms=-1, duration_ms=9000)
    never.dispatched = never.sent = 0
    assert folded(call(9000, at=1, phase="warm-up"), never).slowest == {}


def test_an_attempt_that_another_followed_is_not_the_call() -> None:
    tried = call(9000)
    tried.final = False
    assert [each.latency for each in folded(tried, call(10)).slowest["chat"]] == [10 * MS]


@quick
@given(st.lists(records, max_size=60), st.data())
def test_parts_taken_at_any_time_and_in_any_order_have_the_slowest_of_the_whole(
    calls: list[Record], data: st.DataObject
) -> None:
    tracing = Tracing(data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])), data.draw(st.integers(0, 2**64 - 1)))
    for index, each in enumerate(calls):
        each.call, each.trace = replace(each.call, index=index), tracing.traceparent(index)
    shards, parts = [Recorder(SETUP), Recorder(SETUP)], []
    for each in calls:
        shard = data.draw(st.sampled_from(shards))
        shard.add(each)
        if data.draw(st.integers(0, 5)) == 0:
            parts.append(shard.take())
    total = Summary()
    for part in data.draw(st.permutations([*parts, *(shard.take() for shard in shards)])):
        total.merge(part)
    assert total.slowest == folded(*calls).slowest
    measured = [each for each in calls if each.phase == "steady" and each.call.cls == "chat"]
    found = [each.latency for each in total.slowest.get("chat", ())]
    sampled = sorted((latency(each) for each in measured if is_sampled(each.trace)), reverse=True)[:SAMPLED]
    others = sorted(map(latency, measured), reverse=True)
    for each in sampled:
        others.remove(each)
    assert found == sorted([*sampled, *others[: MOST - len(sampled)]], reverse=True)


def test_where_few_are_sampled_the_slowest_of_those_have_places() -> None:
    calls = [call(1000 + n, n) for n in range(100)]
    for n, each in enumerate(calls):
        each.trace = Tracing(1 if n < 20 else 0, 5).traceparent(n)
    assert [each.index for each in folded(*calls).slowest["chat"]] == [99, 98, 97, 96, 95, 94, 93, 19, 18, 17]


def latency(made: Record) -> int:
    stream = made.outcome.good and len(made.answer.stamps) > 0
    return (made.last_content if stream else made.end) - made.planned


def test_a_take_tells_only_what_it_found_and_never_more_than_are_kept() -> None:
    recorder = Recorder(SETUP)
    for n in range(100):
        recorder.add(call(n, n))  # each slower than all before
    assert len(recorder.take().slowest["chat"]) == MOST
    for n in range(90):
        recorder.add(call(n, n))  # none among the slowest so far
    assert recorder.take().slowest == {}


def test_documents_written_before_have_none() -> None:
    document = folded(call(10)).to_json()
    del document["slowest"]
    assert Summary.from_json(document).slowest == {}


def test_a_document_with_more_than_are_kept_is_cut() -> None:
    document = orjson.loads(orjson.dumps(folded(*(call(n, n) for n in range(20))).to_json()))
    document["slowest"]["chat"] *= 5
    assert len(Summary.from_json(document).slowest["chat"]) == MOST


@pytest.mark.parametrize("wrong", [{"outcome": "fine"}, {"latency": None}])
def test_a_damaged_document_is_refused(wrong: dict[str, object]) -> None:
    document = folded(call(10), call(20, 1)).to_json()
    document["slowest"]["chat"][0] |= wrong
    with pytest.raises((ValueError, TypeError)):
        Summary.from_json(document)
