from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from llmload.dialects import dialect
from llmload.errors import ScenarioError
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.workload.workload import Workload

HEAD = """
[load]
rate = "1/s"
duration = "1m"
[targets.main]
base_url = "http://localhost:8000/v1"
model = "m"
"""


def compiled(text: str, directory: Path) -> Plan:
    return compile_scenario(load_scenario(Source(HEAD + text, "test.toml", directory, "test"), environ={}))


def problem(text: str, directory: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        compiled(text, directory)
    (only,) = caught.value.problems
    return str(only)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    letters = {letter: number for number, letter in enumerate(map(chr, range(32, 127)))}
    Tokenizer(models.BPE(vocab=letters, merges=[])).save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_tokenizer_file_is_relative_to_the_scenario_and_counts_its_prompts(directory: Path) -> None:
    tokenizer = 'tokenizer = { file = "tokenizer.json", overhead = 7 }\n'
    plan = compiled(tokenizer + '[classes.a]\nprompt = "Hello"\n', directory)
    assert plan.classes[0].tokenizer.kind == "file"
    assert Workload(plan.classes, 1, 2).call(0).input_tokens == len("Hello") + 7


def test_another_vocabulary_is_another_plan(directory: Path) -> None:
    text = 'tokenizer = { file = "tokenizer.json" }\n[classes.a]\nprompt = "Hello"\n'
    before = compiled(text, directory).fingerprint
    Tokenizer(models.BPE(vocab={"H": 0}, merges=[])).save(str(directory / "tokenizer.json"))
    assert compiled(text, directory).fingerprint != before


def test_prompts_go_out_as_token_ids(directory: Path) -> None:
    text = """
    tokenizer = { file = "tokenizer.json" }
    [classes.a]
    api = "completions"
    prompt = { tokens = "20..90", as = "tokens" }
    """
    plan = compiled(text, directory)
    workload = Workload(plan.classes, 1, 2)
    for k in range(20):
        call = workload.call(k)
        assert len(call.token_ids[0]) == call.input_tokens
        assert list(call.token_ids[0]) == _prompt_of(dialect("openai", {}).request(call).body)
    batch = text.replace("completions", "embeddings") + "batch = 3\n"
    call = Workload(compiled(batch, directory).classes, 1, 2).call(0)
    assert [len(ids) for ids in call.token_ids] != []
    assert sum(len(ids) for ids in call.token_ids) == call.input_tokens
    assert len(call.token_ids) == 3


def _prompt_of(body: bytes) -> list[int]:
    import json

    prompt: list[int] = json.loads(body)["prompt"]
    return prompt


def test_what_can_not_be_is_said_with_its_place(directory: Path) -> None:
    assert "targets.main.tokenizer.file" in problem('tokenizer = { file = "no.json" }\n[classes.a]\n', directory)
    said = problem('[classes.a]\napi = "completions"\nprompt = { as = "tokens" }\n', directory)
    assert "without a tokenizer there are no token ids" in said
    given = 'tokenizer = { file = "tokenizer.json" }\n'
    assert "only completions and embeddings" in problem(given + '[classes.a]\nprompt = { as = "tokens" }\n', directory)
    other = f'dialect = "ollama"\n{given}[classes.a]\napi = "embeddings"\nprompt = {{ as = "tokens" }}\n'
    assert "dialect ollama has no token ids" in problem(other, directory)
    system = given + '[classes.a]\napi = "completions"\nprompt = { as = "tokens", system = "Be brief." }\n'
    assert "a system prompt can't be put before token ids" in problem(system, directory)
    both = 'tokenizer = { file = "tokenizer.json", tiktoken = "o200k_base" }\n[classes.a]\n'
    assert "has both file and tiktoken" in problem(both, directory)


def test_a_class_has_one_tokenizer(directory: Path) -> None:
    text = """
    tokenizer = { file = "tokenizer.json" }
    [targets.other]
    base_url = "http://localhost:8001/v1"
    model = "m"
    [classes.a]
    """
    assert "its targets have different tokenizers" in problem(text, directory)


def test_what_the_server_is_to_count_is_whole_before_the_run(directory: Path) -> None:
    server = "tokenizer = { server = true, prompts = 50, overhead = 3 }\n"
    spec = compiled(server + "[classes.a]\n", directory).classes[0].tokenizer
    assert (spec.kind, spec.name, spec.prompts, spec.overhead) == ("server", "m", 50, 3)
    for part in ("cache_bust = true", 'repeat = "30%"', "prefix = { tokens = 50 }"):
        said = problem(f"{server}[classes.a]\nprompt = {{ {part} }}\n", directory)
        assert f"classes.a.prompt.{part.split()[0]}" in said
        assert "can't be counted by the server before it" in said
    ids = problem(f'{server}[classes.a]\napi = "completions"\nprompt = {{ as = "tokens" }}\n', directory)
    assert "without a tokenizer there are no token ids" in ids
    both = problem('tokenizer = { file = "tokenizer.json", server = true }\n[classes.a]\n', directory)
    assert "has both file and server" in both
    learning = problem("tokenizer = { learn = true, server = true }\n[classes.a]\n", directory)
    assert "need not be learned" in learning
    assert "prompts goes with server" in problem("tokenizer = { prompts = 9 }\n[classes.a]\n", directory)
