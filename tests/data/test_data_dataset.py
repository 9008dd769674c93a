from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from data_kit import written

from llmload.errors import ScenarioError
from llmload.records import Message
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.scenario.preview import preview
from llmload.workload.workload import Workload

SCENARIO = """
[targets.main]
base_url = "sim:"
model = "m"
[classes.chat]
api = "{api}"
prompt = {{ file = "rows.txt", format = "text", order = "{order}", {more} }}
{keys}
[load]
rate = "10/s"
duration = "1m"
"""


def plan(directory: Path, order: str = "random", api: str = "chat", more: str = "", keys: str = "") -> Plan:
    text = SCENARIO.format(order=order, api=api, more=more, keys=keys)
    return compile_scenario(load_scenario(Source(text, "x.toml", directory, "x")))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    written(tmp_path / "rows.txt", "".join(f"row {number}\n" for number in range(100)))
    return tmp_path


def workload(of: Plan) -> Workload:
    return Workload(of.classes, of.seeds.mix, of.seeds.prompts)


def test_a_call_is_the_same_whoever_makes_it(directory: Path) -> None:
    made = plan(directory)
    here, there = workload(made), workload(pickle.loads(pickle.dumps(made)))
    forwards = [here.call(index) for index in range(200)]
    assert [there.call(index) for index in reversed(range(200))] == forwards[::-1]
    assert len({call.messages for call in forwards}) > 50


def test_sequential_entries_come_in_order_and_again(directory: Path) -> None:
    calls = workload(plan(directory, "sequential"))
    assert [calls.call(index).messages for index in (0, 1, 99, 100)] == [
        (Message("user", f"row {number}"),) for number in (0, 1, 99, 0)
    ]


def test_batches_take_successive_entries(directory: Path) -> None:
    calls = workload(plan(directory, "sequential", "embeddings", keys="batch = 3"))
    assert calls.call(1).inputs == ("row 3", "row 4", "row 5")


def test_the_system_message_of_the_class_goes_before(directory: Path) -> None:
    call = workload(plan(directory, "sequential", more='system = "Be brief."')).call(4)
    assert call.messages == (Message("system", "Be brief."), Message("user", "row 4"))


def test_limit_and_fields_of_a_recorded_body_stand_behind_those_of_the_class(directory: Path) -> None:
    written(
        directory / "rows.txt",
        '{"body": {"model": "x", "prompt": "a", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9}}\n',
    )
    text = SCENARIO.replace('format = "text"', 'format = "openai"').format(
        order="random", api="chat", more="", keys="params = { top_p = 0.1 }"
    )
    call = workload(compile_scenario(load_scenario(Source(text, "x.toml", directory, "x")))).call(0)
    assert (call.model, call.max_tokens, call.params) == ("m", 7, {"temperature": 0.5, "top_p": 0.1})


def test_the_plan_knows_the_tokens_and_does_not_hold_the_rows(directory: Path) -> None:
    made = plan(directory)
    assert preview(made).total.input_tokens / 600 == pytest.approx(3, abs=1.5)
    assert b"row 57" not in pickle.dumps(made)


def test_the_fingerprint_changes_with_the_file(directory: Path) -> None:
    before = plan(directory).fingerprint
    assert plan(directory).fingerprint == before
    written(directory / "rows.txt", "something else\n")
    assert plan(directory).fingerprint != before


def test_what_is_wrong_with_a_file_is_said_with_the_place_in_the_scenario(directory: Path) -> None:
    written(directory / "rows.txt", b"a\n\xff\n")
    with pytest.raises(ScenarioError, match=r"x\.toml:7:.*rows\.txt:2: is not UTF-8 text"):
        plan(directory)


@pytest.mark.parametrize(
    ("prompt", "what"),
    [
        ('{ format = "csv" }', "there is no file"),
        ('{ file = "rows.txt", order = "random" }', "order is for data sets"),
        ('{ file = "rows.txt", format = "text", field = "a" }', "a format knows its fields"),
        ('{ file = "rows.txt", format = "text", template = "a" }', "columns of a CSV file"),
    ],
)
def test_keys_that_do_not_go_together(directory: Path, prompt: str, what: str) -> None:
    text = SCENARIO.replace("{{ file", "#").format(order="", api="chat", more="", keys="").replace("prompt = #", "#")
    text = text.replace('api = "chat"', f'api = "chat"\nprompt = {prompt}')
    with pytest.raises(ScenarioError, match=what):
        compile_scenario(load_scenario(Source(text, "x.toml", directory, "x")))
