"""Prompts counted with the simulator's own vocabulary, four letters a token, against what its usage says."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from virtual_run import plan_of, run_plan

from llmload.reports.tables import token_section
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario

TEXT = """
[targets.main]
base_url = "sim:"
model = "sim-model"
tokenizer = { file = "tokenizer.json", overhead = 7 }
[classes.chat]
prompt = { tokens = "10..600" }
max_tokens = 1
[load]
process = "uniform"
rate = "50/s"
duration = "20s"
[sim]
context_window = 65536
"""


def test_not_one_of_a_thousand_prompts_is_off(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]{1,4}"), "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    plan = compile_scenario(load_scenario(Source(TEXT, "test.toml", tmp_path, "test"), environ={}))
    found = run_plan(plan).summary.select()
    assert found.ok == 1000
    error = found.histogram("token_error")
    assert (error.count, error.max) == (1000, 0)
    assert found.histogram("planned_tokens").total == found.histogram("input_tokens").total


def test_the_report_says_what_the_server_puts_around_prompts(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]{1,4}"), "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = TEXT.replace(", overhead = 7", "").replace('"20s"', '"2s"')
    plan = compile_scenario(load_scenario(Source(text, "test.toml", tmp_path, "test"), environ={}))
    lines = [line.plain for line in token_section(run_plan(plan).summary, 120)]
    said = "the server counts 7 tokens more in every prompt than were planned"
    assert f"prompts: {said} (chat template: raise tokenizer.overhead by 7)" in lines


def test_no_answer_ends_before_min_tokens() -> None:
    text = """
[targets.main]
base_url = "sim:"
model = "sim-model"

[classes.chat]
min_tokens = 40
max_tokens = 60

[load]
rate = "5/s"
duration = "4s"

[sim]
answer = "1..50"
"""
    ran = run_plan(plan_of(text))
    counts = {record.answer.usage.output or 0 for record in ran.records if record.answer.usage}
    assert min(counts) == 40
    assert max(counts) > 40
