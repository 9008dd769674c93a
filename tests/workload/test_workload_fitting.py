"""Prompts fitted by a counter that is asked in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from vocabularies import MADE, made

from llmload.draws import Draws
from llmload.records import Api
from llmload.workload.fitting import fit, fixed_texts, made_texts, told
from llmload.workload.spec import Lengths, PromptSpec, RequestClass, TokenizerSpec
from llmload.workload.text import KINDS, compose
from llmload.workload.tokens import estimate_tokens
from llmload.workload.workload import Workload

SERVER = TokenizerSpec("server", "m", prompts=200)
CHAT = RequestClass("chat", 1.0, Api.CHAT, ("main",), "m", prompt=PromptSpec(tokens=Lengths("uniform", 1, 300)))


def driven(texts: Iterable[str], count: Callable[[str], int]) -> tuple[dict[str, tuple[str, int]], int]:
    """What ``fit`` makes of the texts, and in how many rounds."""
    rounds, asked = fit(texts), 0
    wanted = next(rounds, None)
    while wanted is not None:
        asked += 1
        try:
            wanted = rounds.send([count(text) for text in wanted])
        except StopIteration as end:
            return end.value, asked
    return {}, asked


def counter(name: str) -> Callable[[str], int]:
    if name == "four bytes":
        return lambda text: -(-len(text.encode()) // 4)
    tokenizer = made(name)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("name", [*MADE, "four bytes"])
def test_not_one_of_a_thousand_is_off(name: str) -> None:
    count = counter(name)
    texts = [compose(KINDS[k % 5], 1 + k * 7 % 700, Draws(2, k), k) for k in range(1000)]
    fitted, asked = driven(texts, count)
    assert [fitted[text][1] for text in texts] == [1 + k * 7 % 700 for k in range(1000)]
    assert all(count(text) == tokens for text, tokens in fitted.values())
    assert asked <= 14
    longer = [fitted[text][0] for text in texts if estimate_tokens(text) > 12]
    assert len(set(longer)) == len(longer)


def test_a_text_that_resists_has_the_tokens_that_it_has() -> None:
    fitted, asked = driven(["Say what it is."], lambda text: 1000)
    assert fitted["Say what it is."][1] == 1000
    assert asked == 14


def test_nothing_is_asked_about_nothing() -> None:
    assert driven([], len) == ({}, 0)


@pytest.mark.parametrize("api", [Api.CHAT, Api.COMPLETIONS, Api.EMBEDDINGS, Api.RERANK])
def test_calls_have_the_fitted_prompts_and_their_tokens(api: Api) -> None:
    count = counter("four bytes")
    prompt = replace(CHAT.prompt, system="Be brief, please." if api is not Api.EMBEDDINGS else "")
    if api is Api.RERANK:
        prompt = CHAT.prompt
    batch = Lengths("fixed", 3) if api in (Api.EMBEDDINGS, Api.RERANK) else CHAT.batch
    cls = replace(CHAT, api=api, prompt=prompt, batch=batch, tokenizer=replace(SERVER, overhead=5))
    wanted = made_texts(Workload((cls,), 1, 2), [None], 30)["chat"]
    fitted, _ = driven(wanted, count)
    ready = told(cls, fitted, {text: count(text) for text in fixed_texts(cls)})
    workload = Workload((ready,), 1, 2)
    before = 0 if not prompt.system else count(prompt.system if api is Api.CHAT else f"{prompt.system}\n\n")
    for k in range(30):
        call = workload.call(k)
        texts = [call.messages[-1].content] if call.messages else list(call.inputs)
        if api is Api.COMPLETIONS:
            texts = [text.removeprefix(f"{prompt.system}\n\n") for text in texts]
        assert call.input_tokens == sum(map(count, texts)) + before + 5
        assert all(text in {made for made, _ in fitted.values()} for text in texts)
    pool = {made for made, _ in fitted.values()}
    assert all(_last(workload, k) in pool for k in range(1000, 1050)) or api is not Api.CHAT


def _last(workload: Workload, index: int) -> str:
    call = workload.call(index)
    return call.messages[-1].content if call.messages else call.inputs[-1]


def test_as_many_prompts_as_are_wanted_and_of_the_classes_that_want_them() -> None:
    server = replace(CHAT, tokenizer=replace(SERVER, prompts=7))
    rare = replace(server, name="rare", weight=0.0)
    plain = replace(CHAT, name="plain")
    workload = Workload((server, rare, plain), 1, 2)
    found = made_texts(workload, [None, {"rare": 1.0}], 1000)
    assert {name: len(texts) for name, texts in found.items()} == {"chat": 7, "rare": 7}
    assert len(made_texts(workload, [None], 6)["chat"]) < 6
    text = replace(server, prompt=PromptSpec("text", text="Hello", system="Be brief."))
    assert fixed_texts(text) == ["Be brief.", "Be brief.\n\n", "Hello"]
    assert made_texts(Workload((text,), 1, 2), [None], 5) == {}
