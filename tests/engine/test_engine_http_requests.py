"""Any HTTP request, from the scenario to the record: in virtual time, and against a server that knows what came in."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from virtual_run import plan_of, run_plan

from llmload.errors import ScenarioError
from llmload.records import Outcome

HEAD = """
[targets.main]
base_url = "sim:"
dialect = "http"
[load]
process = "uniform"
rate = "5/s"
duration = "10s"
[classes.c]
api = "http"
"""


@pytest.mark.parametrize(
    "http",
    [
        '{ path = "/health" }',
        '{ path = "/v1/models", fields = { "data.0.object" = "model" } }',
        '{ path = "/echo", body = "hello {{index}} {{uuid}}", content_type = "text/plain", contains = "hello" }',
        '{ path = "/echo?n={{random:1:9}}&p={{prompt}}", body = "{{timestamp}}", fields = { method = "POST" } }',
    ],
)
def test_any_route_can_be_asked(http: str) -> None:
    ran = run_plan(plan_of(f"{HEAD}\nhttp = {http}"))
    assert Counter(record.outcome for record in ran.records) == {Outcome.OK: 50}


def test_what_is_missing_in_an_answer_is_told() -> None:
    ran = run_plan(plan_of(HEAD + '\nhttp = { path = "/v1/models", fields = { "data.0.id" = "gpt" } }'))
    assert {record.outcome for record in ran.records} == {Outcome.CORRUPT}
    assert {record.detail for record in ran.records} == {'data.0.id is "sim-model" where "gpt" was expected'}


def test_expected_statuses() -> None:
    text = HEAD + '\nexpect_status = [404]\nhttp = { path = "/nowhere" }'
    assert {record.outcome for record in run_plan(plan_of(text)).records} == {Outcome.EXPECTED_STATUS}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", r"classes\.c\.http.*is missing"),
        ('http = { path = "/{{indx}}" }', r"classes\.c\.http\.path.*no variable \{\{indx\}\}"),
        ('http = { path = "/a b" }', r"classes\.c\.http\.path.*must be a path such as"),
        ('http = { path = "/", method = "GET", body = "x" }', r"classes\.c\.http.*a GET request has no body"),
        ('http = { path = "/", headers = { x = "{{y}}" } }', r"classes\.c\.http.*header x: there is no variable"),
        ('http = { path = "/" }\nprompt = "x"', r"classes\.c\.prompt.*is used nowhere"),
        ('http = { path = "/" }\nmax_tokens = 3', r"classes\.c\.max_tokens.*no such field"),
    ],
)
def test_a_wrong_request_is_told_with_its_place(line: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan_of(HEAD + line)
    assert re.search(said, str(caught.value), re.DOTALL), str(caught.value)
