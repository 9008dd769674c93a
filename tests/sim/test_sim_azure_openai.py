"""The official SDK's Azure client judges the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

MESSAGES = [{"role": "user", "content": "Hello"}]
SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "models": ["my-deployment"],
    "keys": {"good": {}, "limited": {"rate": "1/h"}, "broken": {}},
    "faults": [{"kind": "error", "key": "broken"}],
}


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.root


def client(root: str, key: str = "good") -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=root, api_key=key, api_version="2024-10-21", max_retries=0, timeout=10,
        _strict_response_validation=True,
    )  # fmt: skip


def test_a_chat(root: str) -> None:
    with client(root) as azure:
        answer = azure.chat.completions.create(model="my-deployment", messages=MESSAGES, max_tokens=8)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8


def test_a_streamed_chat(root: str) -> None:
    with client(root) as azure:
        chunks = list(
            azure.chat.completions.create(model="my-deployment", messages=MESSAGES, max_tokens=8, stream=True)
        )
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks) == 8


def test_embeddings(root: str) -> None:
    with client(root) as azure:
        answer = azure.embeddings.create(model="my-deployment", input=["a", "b"], encoding_format="float")
    assert len(answer.data) == 2


@pytest.mark.parametrize(
    ("key", "model", "error"),
    [
        ("wrong", "my-deployment", openai.AuthenticationError),
        ("good", "no-such", openai.NotFoundError),
        ("broken", "my-deployment", openai.InternalServerError),
    ],
)
def test_errors_are_the_sdks(root: str, key: str, model: str, error: type[openai.APIStatusError]) -> None:
    with client(root, key) as azure, pytest.raises(error):
        azure.chat.completions.create(model=model, messages=MESSAGES, max_tokens=1)


def test_a_key_over_its_rate_is_a_rate_limit_error(root: str) -> None:
    with client(root, "limited") as azure:
        azure.chat.completions.create(model="my-deployment", messages=MESSAGES, max_tokens=1)
        with pytest.raises(openai.RateLimitError) as caught:
            azure.chat.completions.create(model="my-deployment", messages=MESSAGES, max_tokens=1)
    assert int(caught.value.response.headers["retry-after"]) > 0
