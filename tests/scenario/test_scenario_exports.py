"""`[export.NAME]`: who is told of the run while it lasts."""

from __future__ import annotations

import json

import pytest
from scenario_kit import SMALL, compiled, only_problem

from llmload.errors import ScenarioError
from llmload.scenario.exports import PLACES
from llmload.scenario.plan import Export

GOOD = {
    "stream": "out/stream.jsonl", "prometheus": "0.0.0.0:9464", "influxdb": "http://h:8086/load",
    "influxdb2": "https://h/below/org/bucket", "remote-write": "http://h:9090/api/v1/write?native=off",
    "statsd": "h:8125", "otlp": "http://h:4318", "webhook": "env:ALERT_URL",
}  # fmt: skip


@pytest.mark.parametrize("kind", PLACES)
def test_every_kind_can_be_named(kind: str) -> None:
    plan = compiled(SMALL, None, f"export.it={{kind='{kind}', to='{GOOD[kind]}'}}")
    assert plan.exports == (Export(kind, GOOD[kind], "it"),)


def test_the_usual_place_need_not_be_said() -> None:
    assert compiled(SMALL, None, "export.it={kind='otlp'}").exports == (Export("otlp", "", "it"),)


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ("{}", "export.it.kind", "is missing"),
        ("{kind='promtheus', to='1'}", "export.it.kind", "did you mean prometheus"),
        ("{kind='kafka', to='1'}", "export.it.kind", "must be one of"),
        ("{kind='statsd', too='1'}", "export.it.too", "did you mean to"),
        ("{kind='statsd'}", "export.it", "says not where to"),
        ("{kind='statsd', to=''}", "export.it.to", "says not where to"),
        ("{kind='statsd', to='h:99999'}", "export.it.to", "is no HOST:PORT"),
        ("{kind='prometheus', to='x:y:z'}", "export.it.to", "is no HOST:PORT"),
        ("{kind='influxdb', to='http://h:1'}", "export.it.to", "names no DATABASE"),
        ("{kind='influxdb2', to='http://h:1/b'}", "export.it.to", "names no ORGANISATION and BUCKET"),
        ("{kind='influxdb', to='ftp://h/d'}", "export.it.to", "is no http(s) URL"),
        ("{kind='otlp', to='http://h/?x=1'}", "export.it.to", "ends in its path"),
        ("{kind='webhook', to='env:a b'}", "export.it.to", 'write "env:NAME"'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(table: str, key: str, words: str) -> None:
    found: list[str] = []
    try:
        compiled(SMALL, None, f"export.it={table}")
    except ScenarioError as error:
        found = [f"{problem.key}: {problem}" for problem in error.problems]
    assert any(text.startswith(f"{key}: ") and words in text for text in found), found


@pytest.mark.parametrize(
    "table",
    [
        "{kind='webhook', to='https://hooks.example/s3cret'}",
        "{kind='influxdb', to='http://me:s3cret@h:1/d'}",
        "{kind='remote-write', to='http://h/write?api_key=s3cret'}",
    ],
)
def test_a_credential_is_refused_and_not_repeated(table: str) -> None:
    problem = only_problem(SMALL, None, f"export.it={table}")
    assert problem.key == "export.it.to"
    assert "s3cret" not in str(problem)


def test_an_environment_says_otherwise() -> None:
    text = SMALL + '\n[export.it]\nkind="statsd"\nto="h:1"\n[environments.ci.export.it]\nto="h:2"\n'
    assert compiled(text, "ci").exports == (Export("statsd", "h:2", "it"),)


def test_who_is_told_makes_no_other_scenario_of_it() -> None:
    alone, told = compiled(SMALL), compiled(SMALL, None, "export.it={kind='statsd', to='h:1'}")
    assert told.fingerprint == alone.fingerprint
    assert json.loads(json.dumps(told.source))["export"] == {"it": {"kind": "statsd", "to": "h:1"}}
