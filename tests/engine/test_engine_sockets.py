"""Realtime sessions in virtual time: the whole engine, the in-memory transport and the simulator's sessions."""

from __future__ import annotations

import pytest
from virtual_run import plan_of, run_plan

from llmload.records import Outcome

SCENARIO = """
[targets.main]
base_url = "sim:"
dialect = "openai-realtime"
model = "sim-model"
[classes.chat]
stream = true
prompt = "hi"
max_tokens = 20
[limits]
first_token = "5s"
idle = "5s"
[load]
process = "uniform"
duration = "4s"
rate = "5/s"
[sim]
answer = "max"
"""


def test_every_answer_is_what_the_simulator_did() -> None:
    ran = run_plan(plan_of(SCENARIO))
    assert len(ran.records) == len(ran.truth) == 20
    truths = {truth.content[0]: truth for truth in ran.truth}
    for record in ran.records:
        assert (record.outcome, record.detail, record.status) == (Outcome.OK, "", 101)
        assert record.sent == record.connected == record.dispatched
        assert list(record.answer.stamps) == list(truths[record.first_content].content)
        assert record.answer.usage is not None
        assert record.answer.usage.output == 20


@pytest.mark.parametrize(
    ("fault", "outcome", "detail"),
    [
        ('kind = "truncate"', Outcome.TRUNCATED, "the server closed the socket with code 1000"),
        ('kind = "drop"', Outcome.TRUNCATED, "connection closed inside the answer"),
        (
            'kind = "reset", at = "tokens"',
            Outcome.TRUNCATED,
            "connection lost (Connection reset by peer) inside the answer",
        ),
        (
            'kind = "error-event", named = true',
            Outcome.ERROR_EVENT,
            "server_error: The model failed while generating. (code 500)",
        ),
        ('kind = "stall"', Outcome.TIMEOUT_IDLE, "no content for 5.00 s after 10 chunks"),
        ('kind = "hang"', Outcome.TIMEOUT_FIRST_TOKEN, "no content within 5.00 s"),
    ],
)
def test_a_fault_is_called_by_its_name_and_leaves_nothing_behind(fault: str, outcome: Outcome, detail: str) -> None:
    ran = run_plan(plan_of(SCENARIO + f"faults = [{{ {fault} }}]\n"))
    assert {(record.outcome, record.detail) for record in ran.records} == {(outcome, detail)}
    assert len(ran.truth) == 20


def test_an_answer_that_is_too_large_is_given_up() -> None:
    ran = run_plan(plan_of(SCENARIO.replace("[limits]", '[limits]\nbody = "3 KiB"')))
    assert {record.outcome for record in ran.records} == {Outcome.PROTOCOL_ERROR}
    assert {truth.ended for truth in ran.truth} == {"cancelled"}
