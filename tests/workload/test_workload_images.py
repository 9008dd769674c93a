from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from llmload.draws import Draws
from llmload.records import Api, Call, Message
from llmload.workload.images import expected_bytes, image_tokens, images_for, pool_of
from llmload.workload.spec import Conversation, ImageSpec, Lengths, PromptSpec, RequestClass, TokenizerSpec
from llmload.workload.workload import Workload, expected_image_bytes, expected_tokens

ONE, SIDE = Lengths("fixed", low=1), Lengths("fixed", low=32)
SPEC = ImageSpec(Lengths("uniform", low=1, high=3), Lengths("uniform", low=16, high=64), SIDE, size=2000, tokens=85)
CLASS = RequestClass(
    "look", 1.0, Api.CHAT, ("main",), "m", prompt=PromptSpec(tokens=Lengths("fixed", low=30), system="Hi", images=SPEC)
)


def made(cls: RequestClass = CLASS, seed: int = 5, count: int = 60) -> list[Call]:
    workload = Workload((cls,), 1, seed)
    return [workload.call(index) for index in range(count)]


def test_every_worker_sends_the_same_pictures_and_another_seed_others() -> None:
    calls = made()
    pool_of.cache_clear()
    assert made(pickle.loads(pickle.dumps(CLASS))) == calls
    assert {image for call in calls for image in call.messages[-1].images}.isdisjoint(
        image for call in made(seed=6) for image in call.messages[-1].images
    )


def test_pictures_come_of_a_pool_and_no_prompt_has_one_twice() -> None:
    calls = made()
    seen = [call.messages[-1].images for call in calls]
    assert {len(images) for images in seen} == {1, 2, 3}
    assert len({image for images in seen for image in images}) == SPEC.pool
    assert all(len(set(images)) == len(images) for images in seen)
    assert all(not call.messages[0].images for call in calls)


def test_a_text_stays_what_it_is_without_pictures() -> None:
    without = made(replace(CLASS, prompt=replace(CLASS.prompt, images=None)))
    assert [call.messages[-1].content for call in made()] == [call.messages[-1].content for call in without]
    assert [call.input_tokens for call in made()] == [
        call.input_tokens + 85 * len(pictured.messages[-1].images)
        for call, pictured in zip(without, made(), strict=True)
    ]


def test_a_call_knows_the_bytes_of_its_pictures() -> None:
    for call in made():
        assert call.image_bytes == 2000 * len(call.messages[-1].images) > 0
    fixed = replace(CLASS, prompt=PromptSpec("text", text="What is it?", images=replace(SPEC, count=ONE)))
    assert {call.image_bytes for call in made(fixed)} == {2000}
    assert len({call.messages[-1].images for call in made(fixed)}) == SPEC.pool


def test_pictures_of_no_given_size_are_those_of_photographs() -> None:
    spec = ImageSpec(ONE, Lengths("fixed", low=400), Lengths("fixed", low=300), "jpeg")
    assert expected_bytes(spec) == 30_000
    assert {len(image.data) for image in pool_of(spec)} == {30_000}
    assert expected_bytes(None) == 0
    assert images_for(None, Draws(1, 1)) == ()
    assert image_tokens(None, (Message("user", "hi"),)) == 0


def test_what_is_expected_is_what_calls_come_to() -> None:
    calls = made(count=2000)
    assert sum(call.image_bytes for call in calls) / 2000 == pytest.approx(expected_image_bytes(CLASS), rel=0.03)
    assert sum(call.input_tokens for call in calls) / 2000 == pytest.approx(expected_tokens(CLASS)[0], rel=0.03)


def test_later_turns_bring_pictures_of_their_own_and_those_of_before() -> None:
    talk = Conversation(Lengths("fixed", low=3), history="scripted")
    cls = replace(CLASS, conversation=talk, prompt=replace(CLASS.prompt, images=replace(SPEC, count=ONE)))
    workload = Workload((cls,), 1, 5)
    call, counts, sent = workload.call(0), [], 0
    while True:
        pictures = [image for message in call.messages for image in message.images]
        counts.append(len(pictures))
        sent += call.image_bytes
        assert set(pictures) <= set(pool_of(workload.classes[0].prompt.images or SPEC))
        assert call.image_bytes == sum(len(image.data) for image in pictures)
        found = workload.follow(call, "I see.")
        if found is None:
            break
        call = found[0]
    assert counts == [1, 2, 3]
    assert sent == expected_image_bytes(cls) == 12_000


def test_what_is_learned_of_text_leaves_the_tokens_of_pictures_out() -> None:
    cls = replace(CLASS, tokenizer=TokenizerSpec(learn=True), prompt=replace(CLASS.prompt, style="prose"))
    workload = Workload((cls,), 1, 5)
    for index in range(50):
        call = workload.call(index)
        workload.learn(call, call.input_tokens)
    assert workload._adapted[0].prompt.scale in ((), (("prose", pytest.approx(1.0, abs=0.1)),))
