"""The official anthropic SDK judges the simulator's wire format, validating every field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import anthropic
import pytest

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem

MESSAGES = [{"role": "user", "content": "Hello"}]
SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "models": ["sim-model", "other/model"],
    "context_window": 500,
    "keys": {"good": {}, "limited": {"rate": "1/h"}, "broken": {}, "overloaded": {}, "mid": {}},
    "faults": [
        {"kind": "error", "key": "broken"},
        {"kind": "error", "key": "overloaded", "status": 529},
        {"kind": "error-event", "key": "mid", "after": 2},
    ],
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.url.removesuffix("/v1")


def _client(url: str, key: str = "good") -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=f"{url}/anthropic", api_key=key, max_retries=0, timeout=10, _strict_response_validation=True
    )


@pytest.fixture
def client(url: str) -> Iterator[anthropic.Anthropic]:
    with _client(url) as client:
        yield client


def test_a_message(client: anthropic.Anthropic):
    answer = client.messages.create(model="sim-model", messages=MESSAGES, max_tokens=7, system="Be brief.")
    assert answer.stop_reason == "max_tokens"
    assert integrity_problem(answer.content[0].text, answer.id.removeprefix("msg_")) == ""
    assert answer.usage.output_tokens == 7
    assert answer.usage.input_tokens > 7


def test_a_message_at_the_usual_path(url: str):
    with anthropic.Anthropic(base_url=url, api_key="good", max_retries=0, timeout=10) as client:
        assert client.messages.create(model="sim-model", messages=MESSAGES, max_tokens=3).usage.output_tokens == 3


def test_the_events_of_a_stream(client: anthropic.Anthropic):
    events = list(client.messages.create(model="sim-model", messages=MESSAGES, max_tokens=3, stream=True))
    assert [event.type for event in events] == [
        "message_start", "content_block_start", *["content_block_delta"] * 3,
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


def test_the_sdks_own_accumulator_follows_the_stream(client: anthropic.Anthropic):
    with client.messages.stream(model="sim-model", messages=MESSAGES, max_tokens=200) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn"
    assert integrity_problem(final.content[0].text, final.id.removeprefix("msg_")) == ""
    assert final.usage.output_tokens == len(final.content[0].text.split())


def test_models(client: anthropic.Anthropic):
    assert [model.id for model in client.models.list()] == ["sim-model", "other/model"]
    assert client.models.retrieve("sim-model").display_name == "sim-model"


@pytest.mark.parametrize(
    ("settings", "error", "kind"),
    [
        ({"model": "none"}, anthropic.NotFoundError, "not_found_error"),
        ({"messages": []}, anthropic.BadRequestError, "invalid_request_error"),
        ({"max_tokens": None}, anthropic.BadRequestError, "invalid_request_error"),
        ({"messages": [{"role": "user", "content": "x" * 3000}]}, anthropic.BadRequestError, "invalid_request_error"),
    ],
)
def test_mistakes_become_the_sdks_errors(client: anthropic.Anthropic, settings: dict, error: type, kind: str):
    with pytest.raises(error) as caught:
        client.messages.create(**{"model": "sim-model", "messages": MESSAGES, "max_tokens": 5, **settings})
    assert caught.value.body["error"]["type"] == kind


def test_a_wrong_key_is_an_authentication_error(url: str):
    with _client(url, "bad") as client, pytest.raises(anthropic.AuthenticationError):
        client.models.list()


def test_a_key_over_its_rate_is_a_rate_limit_error_with_retry_after(url: str):
    with _client(url, "limited") as client:
        client.models.list()
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.models.list()
    headers = caught.value.response.headers
    assert 3500 < int(headers["retry-after"]) <= 3600
    assert headers["anthropic-ratelimit-requests-limit"] == "1"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    full = datetime.fromisoformat(headers["anthropic-ratelimit-requests-reset"])
    assert timedelta(minutes=58) < full - datetime.now(UTC) < timedelta(minutes=61)
    assert caught.value.request_id == headers["request-id"]
    assert caught.value.body["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize(
    ("key", "status", "kind"), [("broken", 500, "api_error"), ("overloaded", 529, "overloaded_error")]
)
def test_an_error_fault_is_an_error_of_the_server(url: str, key: str, status: int, kind: str):
    with _client(url, key) as client, pytest.raises(anthropic.InternalServerError) as caught:
        client.messages.create(model="sim-model", messages=MESSAGES, max_tokens=5)
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind


def test_an_error_in_a_stream_is_an_api_error(url: str):
    with _client(url, "mid") as client:
        stream = client.messages.create(model="sim-model", messages=MESSAGES, max_tokens=9, stream=True)
        with pytest.raises(anthropic.APIStatusError, match="failed while generating"):
            list(stream)
