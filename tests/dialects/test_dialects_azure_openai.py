"""Azure OpenAI's paths; bodies and answers are OpenAI's, whose tests hold."""

from __future__ import annotations

import orjson
import pytest

from llmload.dialects import DIALECTS, dialect
from llmload.records import Api, Call, Message


def call(api: Api = Api.CHAT, model: str = "gpt-4o") -> Call:
    return Call(0, "c", "t", api, model, messages=(Message("user", "hi"),), inputs=("hi",), key="acme")


@pytest.mark.parametrize(
    ("api", "path"),
    [
        (Api.CHAT, "deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
        (Api.COMPLETIONS, "deployments/gpt-4o/completions?api-version=2024-10-21"),
        (Api.EMBEDDINGS, "deployments/gpt-4o/embeddings?api-version=2024-10-21"),
        (Api.MODELS, "models?api-version=2024-10-21"),
    ],
)
def test_the_deployment_is_in_the_path_and_the_version_in_the_query(api: Api, path: str) -> None:
    request = dialect("azure-openai").request(call(api))
    assert request.path == path
    assert request.key == "acme"


def test_another_version_can_be_asked_for_and_names_are_encoded() -> None:
    request = dialect("azure-openai", {"api_version": "2025-04-01-preview"}).request(call(model="my model/1"))
    assert request.path == "deployments/my%20model%2F1/chat/completions?api-version=2025-04-01-preview"
    assert orjson.loads(request.body)["messages"] == [{"role": "user", "content": "hi"}]


def test_the_key_goes_into_its_own_header() -> None:
    assert DIALECTS["azure-openai"].key == ("api-key", "")
