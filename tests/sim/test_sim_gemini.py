"""The official google-genai SDK judges the simulator's wire format, as the Gemini API and as Vertex AI."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import errors, types

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem

SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "models": ["sim-model", "other"],
    "dimensions": 32,
    "context_window": 500,
    "keys": {"good": {}, "limited": {"rate": "1/h"}, "broken": {}, "mid": {}},
    "faults": [{"kind": "error", "key": "broken", "status": 503}, {"kind": "error-event", "key": "mid", "after": 2}],
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.url.removesuffix("/v1")


def _gemini(url: str, key: str = "good", version: str | None = None) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, api_version=version))


def _vertex(url: str, key: str = "good") -> genai.Client:
    credentials = AnonymousCredentials()
    credentials.token = key
    return genai.Client(
        vertexai=True,
        project="p",
        location="europe-west1",
        credentials=credentials,
        http_options=types.HttpOptions(base_url=url, headers={"authorization": f"Bearer {key}"}),
    )


@pytest.fixture(params=[None, "v1", "vertex"])
def client(url: str, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    made = _vertex(url) if request.param == "vertex" else _gemini(url, version=request.param)
    yield made
    made.close()


def _config(tokens: int, **more: object) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(max_output_tokens=tokens, **more)


def test_an_answer(client: genai.Client):
    config = _config(7)
    answer = client.models.generate_content(model="sim-model", contents="Hello", config=config)
    assert answer.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert integrity_problem(answer.text, answer.response_id) == ""
    assert answer.usage_metadata.candidates_token_count == 7
    assert answer.usage_metadata.total_token_count == 7 + answer.usage_metadata.prompt_token_count
    assert answer.model_version == "sim-model"


def test_a_system_instruction_is_part_of_the_prompt(url: str):
    client = _gemini(url)
    plain, told = (
        client.models.generate_content(model="sim-model", contents="Hello", config=config)
        for config in (_config(3), _config(3, system_instruction="Be brief, please, as brief as you can."))
    )
    assert told.usage_metadata.prompt_token_count > plain.usage_metadata.prompt_token_count


def test_a_stream(client: genai.Client):
    chunks = list(client.models.generate_content_stream(model="sim-model", contents="Hello", config=_config(9)))
    assert integrity_problem("".join(chunk.text or "" for chunk in chunks), chunks[0].response_id) == ""
    counts = [chunk.usage_metadata.candidates_token_count for chunk in chunks]
    assert counts == [*range(1, 10), 9]
    assert [chunk.candidates[0].finish_reason for chunk in chunks][-2:] == [None, types.FinishReason.MAX_TOKENS]


def test_two_candidates(url: str):
    client = _gemini(url)
    answer = client.models.generate_content(model="sim-model", contents="Hello", config=_config(5, candidate_count=2))
    texts = ["".join(part.text for part in one.content.parts) for one in answer.candidates]
    assert [integrity_problem(text, answer.response_id, index) for index, text in enumerate(texts)] == ["", ""]
    assert answer.usage_metadata.candidates_token_count == 10


def test_the_array_that_grows(url: str):
    path = f"{url}/v1beta/models/sim-model:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 4}}
    request = urllib.request.Request(path, json.dumps(body).encode(), {"x-goog-api-key": "good"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("application/json")
        responses = json.load(answer)
    assert [one["usageMetadata"]["candidatesTokenCount"] for one in responses] == [1, 2, 3, 4, 4]


def test_embeddings(client: genai.Client):
    answer = client.models.embed_content(model="sim-model", contents=["a", "b", "a"])
    first, second, third = (entry.values for entry in answer.embeddings)
    assert len(first) == 32
    assert first == third != second


def test_models(url: str):
    client = _gemini(url, version="v1beta")
    assert [model.name for model in client.models.list()] == ["models/sim-model", "models/other"]
    assert client.models.get(model="other").display_name == "other"


def test_models_of_vertex(url: str):
    client = _vertex(url)
    names = [model.name for model in client.models.list(config={"query_base": True})]
    assert names == ["publishers/google/models/sim-model", "publishers/google/models/other"]


@pytest.mark.parametrize(
    ("settings", "code", "status"),
    [
        ({"model": "none"}, 404, "NOT_FOUND"),
        ({"contents": "x" * 3000}, 400, "INVALID_ARGUMENT"),
        ({"config": {"max_output_tokens": -1}}, 400, "INVALID_ARGUMENT"),
    ],
)
def test_mistakes_become_the_sdks_errors(client: genai.Client, settings: dict, code: int, status: str):
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(**{"model": "sim-model", "contents": "Hello", **settings})
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize("make", [_gemini, _vertex])
def test_a_wrong_key_is_an_error_of_the_client(url: str, make):
    client = make(url, "bad")
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="sim-model", contents="Hello")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")


def test_a_key_over_its_rate_is_told_when_to_come_again(url: str):
    client = _gemini(url, "limited")
    client.models.generate_content(model="sim-model", contents="Hello", config=_config(2))
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="sim-model", contents="Hello")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    delay = caught.value.details["error"]["details"][0]["retryDelay"]
    assert 3500 < int(delay.removesuffix("s")) <= 3600


def test_an_error_fault_is_an_error_of_the_server(url: str):
    client = _gemini(url, "broken")
    with pytest.raises(errors.ServerError) as caught:
        client.models.generate_content(model="sim-model", contents="Hello")
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


def test_an_error_in_a_stream_is_an_error_of_the_server(url: str):
    client = _gemini(url, "mid")
    with pytest.raises(errors.ServerError, match="failed while generating"):
        list(client.models.generate_content_stream(model="sim-model", contents="Hello", config=_config(9)))
