"""Whole runs in virtual time with tracing on: what the simulator received is what the Records say."""

from __future__ import annotations

from collections import Counter

import pytest
from virtual_run import Ran, plan_of, run_plan

from llmload.cluster.courier import pack, unpack
from llmload.outputs.request_log import encode_record
from llmload.records import Outcome
from llmload.tracing import Tracing, is_sampled, span_id, trace_id

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
max_tokens = 5
[load]
process = "uniform"
rate = "20/s"
duration = "10s"
"""
TALK = 'classes.chat.conversation={turns=3, think="1s"}'
REALTIME = ('targets.main.dialect="openai-realtime"', "classes.chat.stream=true")
RETRIES = ('retries.again={attempts=4, first="100ms"}', 'classes.chat.retry="again"')


def told(ran: Ran) -> tuple[list[str], list[str]]:
    """The traceparents that the server received, and those of the Records of calls that were sent."""
    received = sorted(truth.traceparent for truth in ran.truth)
    return received, sorted(record.trace for record in ran.records if record.sent)


@pytest.mark.parametrize("shards", [1, 3])
def test_every_call_carries_the_ids_that_are_logged_of_it(shards: int) -> None:
    ran = run_plan(plan_of(SCENARIO, "tracing={}"), shards)
    received, logged = told(ran)
    assert received == logged
    assert len({trace_id(each) for each in received}) == len({span_id(each) for each in received}) == 200
    assert all(map(is_sampled, received))


def test_ids_are_the_same_however_many_workers_share_the_run() -> None:
    one, three = (told(run_plan(plan_of(SCENARIO, "tracing.share=0.5"), shards))[0] for shards in (1, 3))
    assert one == three


def test_without_tracing_no_request_has_the_header() -> None:
    ran = run_plan(plan_of(SCENARIO))
    assert {*told(ran)[0], *told(ran)[1]} == {""}


def test_turns_of_a_session_are_traces_of_their_own() -> None:
    ran = run_plan(plan_of(SCENARIO, "tracing={}", TALK, "load.rate=2/s"))
    received, logged = told(ran)
    assert received == logged
    assert len(ran.records) > 40
    assert len({trace_id(each) for each in received}) == len(received) == len(ran.records)


def test_attempts_at_a_call_are_spans_of_one_trace() -> None:
    ran = run_plan(
        plan_of(SCENARIO, "tracing.share=0.5", *RETRIES, 'sim.faults=[{kind="error", status=503, rate=0.4}]')
    )
    received, logged = told(ran)
    assert received == logged
    assert max(record.attempt for record in ran.records) >= 3
    assert len({span_id(each) for each in received}) == len(received)
    tries = Counter(record.call.index for record in ran.records)
    assert Counter(Counter(map(trace_id, received)).values()) == Counter(tries.values())
    for index in tries:
        attempts = [record.trace for record in ran.records if record.call.index == index]
        assert len({trace_id(each) for each in attempts}) == len({is_sampled(each) for each in attempts}) == 1


def test_calls_that_were_never_sent_have_none() -> None:
    drop = ("load.max_in_flight=1", 'load.on_limit="drop"', 'sim.faults=[{kind="slow", first="2s"}]')
    ran = run_plan(plan_of(SCENARIO, "tracing={}", *drop))
    dropped = [record for record in ran.records if record.outcome is Outcome.DROPPED]
    assert dropped
    assert {record.trace for record in dropped} == {""}
    assert told(ran)[0] == told(ran)[1]


def test_realtime_sessions_carry_them_in_the_request_that_opens_the_socket() -> None:
    ran = run_plan(plan_of(SCENARIO, "tracing={}", *REALTIME, "load.rate=5/s"))
    received, logged = told(ran)
    assert received == logged
    assert len(set(received)) == 50
    assert "" not in received


def test_they_cross_the_process_border_and_stand_in_the_log_and_among_the_slowest() -> None:
    ran = run_plan(plan_of(SCENARIO, "tracing.share=0.5"))
    record = ran.records[7]
    assert unpack(pack(record)).trace == record.trace == Tracing(0.5).traceparent(record.call.index)
    line = encode_record(record, ran.start, 0.0)
    assert f'"trace_id":"{trace_id(record.trace)}","span_id":"{span_id(record.trace)}"'.encode() in line
    assert f'"sampled":{str(is_sampled(record.trace)).lower()}'.encode() in line
    traces = {record.call.index: record.trace for record in ran.records}
    assert all(each.trace == traces[each.index] for each in ran.summary.slowest["chat"])
