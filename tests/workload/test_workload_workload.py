from __future__ import annotations

import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from llmload.records import Api, Call
from llmload.workload.spec import Lengths, PromptSpec, RequestClass
from llmload.workload.tokens import estimate_tokens
from llmload.workload.workload import _CONTENTS, ASSUMED_OUTPUT, Workload, expected_tokens

CHAT = RequestClass(
    "chat", 60.0, Api.CHAT, ("main", "spare", "far"), "gpt", stream=True,
    prompt=PromptSpec(tokens=Lengths("uniform", low=10, high=80), system="Be brief and kind."),
    max_tokens=Lengths("lognormal", low=1, high=500, mean=150.0, sd=80.0),
    params={"temperature": 0}, headers={"x-team": "a"}, tags=(("tier", "gold"),), expect_status=frozenset({401}),
)  # fmt: skip
COMPLETE = RequestClass(
    "complete", 10.0, Api.COMPLETIONS, ("main",), "gpt", max_tokens=Lengths("fixed", low=32),
    prompt=PromptSpec(style="code", tokens=Lengths("fixed", low=40), system="You write code."),
)  # fmt: skip
EMBED = RequestClass(
    "embed", 25.0, Api.EMBEDDINGS, ("main",), "ada", batch=Lengths("uniform", low=1, high=8),
    prompt=PromptSpec(style="technical", tokens=Lengths("uniform", low=10, high=30), system="left out"),
    max_tokens=Lengths("fixed", low=5),
)  # fmt: skip
MODELS = RequestClass("models", 5.0, Api.MODELS, ("main",), "")
CLASSES = (CHAT, COMPLETE, EMBED, MODELS)


def texts(call: Call) -> tuple[str, ...]:
    return tuple(message.content for message in call.messages) + call.inputs


def calls(workload: Workload, count: int, weights: dict[str, float] | None = None) -> list[Call]:
    return [workload.call(index, weights) for index in range(count)]


def test_the_mix_tends_to_its_shares() -> None:
    made = calls(Workload((replace(CHAT, prompt=PromptSpec("text", text="hi")), EMBED, MODELS), 7, 8), 8000)
    counts = [sum(call.cls == name for call in made) for name in ("chat", "embed", "models")]
    assert stats.chisquare(counts, np.array([60, 25, 5]) * 8000 / 90).pvalue > 0.01


def test_weights_of_a_phase_decide_instead() -> None:
    made = calls(Workload(CLASSES, 7, 8), 3000, {"models": 3.0, "complete": 1.0})
    counts = [sum(call.cls == cls.name for call in made) for cls in CLASSES]
    assert counts[0] == counts[2] == 0
    assert stats.chisquare([counts[1], counts[3]], [750, 2250]).pvalue > 0.01


def test_successive_classes_are_unrelated() -> None:
    chosen = np.array(
        [call.cls == "models" for call in calls(Workload((replace(MODELS, name="m2"), MODELS), 3, 8), 8000)]
    )
    assert abs(np.corrcoef(chosen[:-1], chosen[1:])[0, 1]) < 4 / np.sqrt(len(chosen))


def test_the_targets_of_a_class_are_taken_evenly_whatever_the_class() -> None:
    made = [call for call in calls(Workload(CLASSES, 7, 8), 4000) if call.cls == "chat"]
    counts = [sum(call.target == target for call in made) for target in CHAT.targets]
    assert stats.chisquare(counts).pvalue > 0.01
    assert {call.target for call in calls(Workload((EMBED,), 7, 8), 50)} == {"main"}


def test_a_call_is_the_same_whoever_asks_and_in_whatever_order() -> None:
    workload = Workload(CLASSES, 1, 2)
    inorder = calls(workload, 300)
    indexes = list(range(300))
    random.Random(5).shuffle(indexes)
    other = pickle.loads(pickle.dumps(Workload(CLASSES, 1, 2)))
    assert [inorder[i] for i in indexes] == [other.call(i) for i in indexes]
    assert pickle.loads(pickle.dumps(inorder)) == inorder


def test_another_mix_seed_leaves_the_prompts_of_a_class_alone() -> None:
    one, other = calls(Workload(CLASSES, 1, 2), 600), calls(Workload(CLASSES, 99, 2), 600)
    assert [call.cls for call in one] != [call.cls for call in other]
    both = [(a, b) for a, b in zip(one, other, strict=True) if a.cls == b.cls]
    assert len(both) > 200
    assert [(texts(a), a.max_tokens, a.input_tokens) for a, _ in both] == [
        (texts(b), b.max_tokens, b.input_tokens) for _, b in both
    ]


def test_another_prompt_seed_leaves_classes_and_targets_alone() -> None:
    one, other = calls(Workload(CLASSES, 1, 2), 600), calls(Workload(CLASSES, 1, 77), 600)
    assert [(a.cls, a.target) for a in one] == [(b.cls, b.target) for b in other]
    assert not [a for a, b in zip(one, other, strict=True) if a.cls != "models" and texts(a)[-1] == texts(b)[-1]]


def test_a_class_has_the_same_prompts_whoever_stands_beside_it() -> None:
    alone = calls(Workload((CHAT,), 1, 2), 200)
    among = [call for call in calls(Workload(CLASSES, 1, 2), 200) if call.cls == "chat"]
    assert [texts(alone[call.index]) for call in among] == [texts(call) for call in among]


def test_the_style_of_a_prompt_leaves_max_tokens_alone() -> None:
    other = replace(CHAT, prompt=PromptSpec(style="code", tokens=Lengths("fixed", low=300)))
    assert [c.max_tokens for c in calls(Workload((CHAT,), 1, 2), 99)] == [
        c.max_tokens for c in calls(Workload((other,), 1, 2), 99)
    ]


def test_no_two_prompts_of_a_run_are_alike() -> None:
    made = [text for call in calls(Workload((CHAT, EMBED), 1, 2), 2000) for text in texts(call)[-8:]]
    prompts = [text for text in made if text != "Be brief and kind."]
    assert len(prompts) > 3000
    assert len(set(prompts)) == len(prompts)


def test_every_call_carries_its_estimated_tokens() -> None:
    for call in calls(Workload((CHAT, EMBED, MODELS), 1, 2), 300):
        assert call.input_tokens == sum(map(estimate_tokens, texts(call)))
    for call in calls(Workload((COMPLETE,), 1, 2), 50):
        assert call.input_tokens == estimate_tokens(call.inputs[0])


def test_a_chat_call_is_a_conversation_with_all_that_its_class_says() -> None:
    call = Workload((CHAT,), 1, 2).call(3)
    assert [message.role for message in call.messages] == ["system", "user"]
    assert call.messages[0].content == "Be brief and kind."
    assert call.inputs == ()
    assert (call.index, call.cls, call.api, call.model, call.stream) == (3, "chat", Api.CHAT, "gpt", True)
    assert (call.params, call.headers) == ({"temperature": 0}, {"x-team": "a"})
    assert (call.tags, call.expect_status) == ((("tier", "gold"),), frozenset({401}))
    assert call.max_tokens is not None
    assert 1 <= call.max_tokens <= 500


def test_without_a_system_prompt_there_is_one_message() -> None:
    plain = replace(CHAT, prompt=PromptSpec("text", text="Hello, world!"), max_tokens=None)
    call = Workload((plain,), 1, 2).call(0)
    assert [message.role for message in call.messages] == ["user"]
    assert call.max_tokens is None
    assert call.input_tokens == 4


def test_a_completion_has_one_input_with_the_system_prompt_before_it() -> None:
    call = Workload((COMPLETE,), 1, 2).call(0)
    assert len(call.inputs) == 1
    assert call.inputs[0].startswith("You write code.\n\n")
    assert (call.messages, call.max_tokens) == ((), 32)


def test_embeddings_come_in_batches_of_different_texts() -> None:
    made = calls(Workload((EMBED,), 1, 2), 400)
    sizes = np.array([len(call.inputs) for call in made])
    assert set(sizes.tolist()) == set(range(1, 9))
    assert sizes.mean() == pytest.approx(4.5, abs=0.5)
    assert all(len(set(call.inputs)) == len(call.inputs) for call in made)
    assert {call.max_tokens for call in made} == {None}


def test_a_rerank_call_is_a_query_and_a_batch_of_documents_all_different() -> None:
    cls = replace(EMBED, name="rank", api=Api.RERANK)
    made = calls(Workload((cls,), 1, 2), 400)
    assert {len(call.inputs) for call in made} == set(range(2, 10))
    texts = [text for call in made for text in call.inputs]
    assert len(set(texts)) == len(texts)
    assert {call.max_tokens for call in made} == {None}
    planned = expected_tokens(cls)[0]
    assert np.mean([call.input_tokens for call in made]) == pytest.approx(planned, rel=0.1)


def test_every_api_has_calls() -> None:
    assert _CONTENTS.keys() == set(Api)


def test_a_models_call_has_no_prompt() -> None:
    call = Workload((MODELS,), 1, 2).call(0)
    assert (call.messages, call.inputs, call.max_tokens, call.input_tokens) == ((), (), None, 0)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_expected_tokens_are_what_calls_come_to(cls: RequestClass) -> None:
    made = calls(Workload((cls,), 1, 2), 1500)
    inputs = np.array([call.input_tokens for call in made])
    outputs = np.array([call.max_tokens or 0 for call in made])
    slack = [4 * values.std() / np.sqrt(len(values)) + 1.0 for values in (inputs, outputs)]
    expected_input, expected_output = expected_tokens(cls)
    assert expected_input == pytest.approx(inputs.mean(), abs=slack[0])
    assert expected_output == pytest.approx(outputs.mean(), abs=slack[1])


def test_an_unlimited_answer_is_planned_with_an_assumption() -> None:
    assert expected_tokens(replace(CHAT, max_tokens=None))[1] == ASSUMED_OUTPUT


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ((), "at least one of them above 0"),
        ((replace(CHAT, weight=0.0),), "at least one of them above 0"),
        ((replace(CHAT, targets=()),), "class chat: it has no target"),
        ((replace(CHAT, max_tokens=Lengths("uniform", low=5, high=2)),), "class chat: the highest length, 2"),
        ((replace(CHAT, prompt=PromptSpec("file")),), "class chat: a prompt file needs at least one entry"),
    ],
)
def test_classes_that_no_call_can_be_made_of_are_refused_in_words(classes: tuple[RequestClass, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Workload(classes, 1, 2)
