"""Whether the requests of a class can carry the pictures that its prompt asks for."""

from __future__ import annotations

from collections.abc import Iterator

from llmload.errors import Problem
from llmload.records import Api
from llmload.scenario.document import Document
from llmload.scenario.model import Scenario
from llmload.scenario.subject import targets_of

__all__ = ["check_images"]


def check_images(scenario: Scenario, document: Document) -> Iterator[Problem]:
    """What is wrong with ``prompt.images`` of classes that are right otherwise."""
    for name, cls in scenario.classes.items():
        images, path = cls.prompt.images, ("classes", name, "prompt", "images")
        if images is None:
            continue
        targets = [scenario.targets[each] for each in targets_of(cls, scenario) if each in scenario.targets]
        if cls.api is not Api.CHAT:
            yield document.problem(path, "only chats carry pictures", f'its api is "{cls.api}"')
        elif cls.integrity == "instructed":
            yield document.problem(path, 'makes no sense: integrity = "instructed" says itself what to ask')
        elif not images.tokens and any(target.tokenizer.learn for target in targets):
            hint = "say what the target counts each for, as in images = { tokens = 258 }"
            yield document.problem(path, "tokenizer.learn would take tokens of pictures for those of text", hint)
