"""Lists of models as APIs write them, and as nobody should."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.dialects import DIALECTS
from llmload.dialects.model_list import Listed, ModelList
from llmload.records import Api, Call

WITH = {name: kind.models for name, kind in DIALECTS.items() if kind.models is not None}
DOCUMENTS = {
    "openai": ({"object": "list", "data": [{"id": "gpt-a"}, {"id": "gpt-b"}]}, ("gpt-a", "gpt-b"), False),
    "openai-responses": ({"data": [{"id": "gpt-a"}]}, ("gpt-a",), False),
    "anthropic": ({"data": [{"type": "model", "id": "claude-a"}], "has_more": True}, ("claude-a",), True),
    "gemini": ({"models": [{"name": "models/gemini-a"}], "nextPageToken": "x"}, ("gemini-a",), True),
    "ollama": ({"models": [{"name": "llama3:latest"}, {"name": "phi:3b"}]}, ("llama3:latest", "phi:3b"), False),
}


def kind(name: str) -> ModelList:
    return WITH[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_names_are_found_where_the_api_has_them(name: str) -> None:
    document, names, more = DOCUMENTS[name]
    assert kind(name).read(orjson.dumps(document)) == Listed(names, more)


def test_every_list_has_a_document_here_but_the_one_whose_names_say_nothing() -> None:
    assert WITH.keys() - DOCUMENTS.keys() == {"azure-openai"}
    assert kind("azure-openai").place == ""


def test_who_has_a_list_can_ask_for_it() -> None:
    assert all(Api.MODELS in DIALECTS[name].apis for name in WITH)


@pytest.mark.parametrize(
    ("name", "model", "there"),
    [
        ("openai", "gpt-a", True),
        ("openai", "GPT-A", False),
        ("openai", "gpt", False),
        ("gemini", "gemini-a", True),
        ("gemini", "models/gemini-a", True),
        ("ollama", "llama3", True),
        ("ollama", "llama3:latest", True),
        ("ollama", "phi", False),
        ("ollama", "phi:3b", True),
    ],
)
def test_a_model_is_in_it_or_not(name: str, model: str, there: bool) -> None:
    listed = kind(name).read(orjson.dumps(DOCUMENTS[name][0]))
    assert listed is not None
    assert kind(name).has(listed, model) == there


def test_gateways_list_patterns() -> None:
    listed = Listed(("openai/*", "mine"))
    assert ModelList().has(listed, "openai/gpt-a")
    assert not ModelList().has(listed, "anthropic/claude-a")


def test_a_server_that_takes_any_model_is_known_by_its_list() -> None:
    found = ModelList().read(b'{"data": [{"id": "/models/x.gguf", "owned_by": "llamacpp"}]}')
    assert found == Listed(("/models/x.gguf",), takes_any=True)


def test_requests_for_a_longer_page_and_for_one_model() -> None:
    def asked(name: str, options: dict[str, str] | None = None, **more: str) -> tuple[str, str]:
        request = DIALECTS[name].make(options or {}).request(Call(0, "c", "t", Api.MODELS, "", key="tenant"))
        whole, one = kind(name).whole(request), kind(name).of(request, more["model"])
        assert (whole.key, one.key, one.method) == ("tenant", "tenant", "GET")
        return whole.path, one.path

    assert asked("openai", model="a/b c") == ("models", "models/a%2Fb%20c")
    assert asked("anthropic", model="claude-a") == ("models?limit=1000", "models/claude-a")
    assert asked("gemini", model="models/gemini-a") == ("models?pageSize=1000", "models/gemini-a")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"data": {}}',
        b'{"data": 3}',
        b"<html>",
        b'{"data": null}',
        b'{"object": "list"}',
        b'"data"',
    ],
)
def test_what_is_no_list_is_none(body: bytes) -> None:
    assert ModelList().read(body) is None


def test_it_is_hostile() -> None:
    entries = [3, None, [], {}, {"id": 3}, {"id": "\x1b[31mred\n"}, {"id": "x" * 10_000}, {"id": "a", "owned_by": {}}]
    found = ModelList().read(orjson.dumps({"data": entries}))
    assert found is not None
    assert found.names[0] == "red"
    assert len(found.names[1]) <= 120
    assert not found.takes_any
    many = ModelList().read(orjson.dumps({"data": [{"id": f"m{number}"} for number in range(20_000)]}))
    assert many is not None
    assert len(many.names) == 5_000
    assert many.more


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_none(body: bytes) -> None:
    for each in WITH.values():
        found = each.read(body)
        assert found is None or all(name.isprintable() for name in found.names)
