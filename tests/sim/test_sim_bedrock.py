"""boto3 judges the simulator's Converse and ConverseStream; botocore's signer judges what llmload signs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ClientError, EventStreamError
from virtual_run import plan_of, run_plan

from llmload.sim.formats.bedrock import BedrockFormat
from llmload.sim.process import SimProcess
from llmload.sim.signatures import is_signed_by
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem, tag

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "models": [MODEL, "arn:aws:bedrock:us-east-1:1:inference-profile/x"],
    "context_window": 500,
    "keys": {
        "good": {},
        "limited": {"rate": "1/h"},
        "broken": {},
        "mid": {},
        "garbled": {},
        "AKIDREAL": {"secret": "wJalr/K7"},
    },
    "faults": [
        {"kind": "error", "key": "broken"},
        {"kind": "error-event", "key": "mid", "after": 2, "message": "gone"},
        {"kind": "malformed", "key": "garbled", "after": 2},
    ],
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.url.removesuffix("/v1")


_opened: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No connection outlives its test."""
    yield
    while _opened:
        _opened.pop().close()


def _client(url: str, key: str = "good", token: str | None = "session", secret: str = "secret") -> Any:
    client = boto3.client(
        "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key,
        aws_secret_access_key=secret, aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
    )  # fmt: skip
    _opened.append(client)
    return client


def _refused(client: Any, **more: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        client.converse(**{"modelId": MODEL, "messages": MESSAGES, **more})
    return caught.value.response


def _tagged(answer: Any) -> str:
    return tag(answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"])


def test_a_whole_answer(url: str) -> None:
    answer = _client(url).converse(
        modelId=MODEL, messages=MESSAGES, system=[{"text": "Be brief."}], inferenceConfig={"maxTokens": 7}
    )
    assert answer["stopReason"] == "max_tokens"
    assert answer["usage"]["outputTokens"] == 7
    assert answer["usage"]["totalTokens"] == 7 + answer["usage"]["inputTokens"]
    assert answer["metrics"]["latencyMs"] >= 0
    text = answer["output"]["message"]["content"][0]["text"]
    assert len(text.split()) == 7
    assert integrity_problem(text, _tagged(answer)) == ""


def test_a_stream(url: str) -> None:
    answer = _client(url, token=None).converse_stream(
        modelId="arn:aws:bedrock:us-east-1:1:inference-profile/x", messages=MESSAGES, inferenceConfig={"maxTokens": 9}
    )
    events = [next(iter(event.items())) for event in answer["stream"]]
    assert [kind for kind, _ in events] == [
        "messageStart", *["contentBlockDelta"] * 9, "contentBlockStop", "messageStop", "metadata"
    ]  # fmt: skip
    text = "".join(said["delta"]["text"] for kind, said in events if kind == "contentBlockDelta")
    assert integrity_problem(text, _tagged(answer)) == ""
    assert events[-1][1]["usage"]["outputTokens"] == 9
    assert events[-2][1]["stopReason"] == "max_tokens"


def test_results_of_tools_and_pictures_are_taken(url: str) -> None:
    messages = [
        {"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}, {"text": "?"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "find", "input": {"a": 1}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "x" * 400}]}}]},
    ]
    tools = {"tools": [{"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}]}
    answer = _client(url).converse(modelId=MODEL, messages=messages, toolConfig=tools)
    assert answer["usage"]["inputTokens"] > 100


@pytest.mark.parametrize(
    ("key", "more", "status", "name", "words"),
    [
        ("unknown", {}, 401, "UnrecognizedClientException", "Incorrect API key"),
        ("good", {"modelId": "nobody:0"}, 404, "ResourceNotFoundException", "nobody:0"),
        ("good", {"inferenceConfig": {"maxTokens": 499}}, 400, "ValidationException", "maximum context length"),
        ("broken", {}, 500, "InternalServerException", "error while processing"),
    ],
)
def test_errors_have_their_names(url: str, key: str, more: dict[str, Any], status: int, name: str, words: str) -> None:
    response = _refused(_client(url, key), **more)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Code"] == name
    assert words in response["Error"]["Message"]


def test_a_key_over_its_rate_is_throttled(url: str) -> None:
    client = _client(url, "limited")
    client.converse(modelId=MODEL, messages=MESSAGES)
    response = _refused(client)
    assert response["Error"]["Code"] == "ThrottlingException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert int(response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) > 1000


def test_an_error_inside_a_stream_is_an_exception_frame(url: str) -> None:
    answer = _client(url, "mid").converse_stream(modelId=MODEL, messages=MESSAGES)
    with closing(answer["stream"]) as stream, pytest.raises(EventStreamError, match=r"internalServerException.*gone"):
        list(stream)


def test_a_broken_frame_is_noticed_by_its_checksum(url: str) -> None:
    answer = _client(url, "garbled").converse_stream(modelId=MODEL, messages=MESSAGES)
    with closing(answer["stream"]) as stream, pytest.raises(ChecksumMismatch):
        list(stream)


@pytest.mark.parametrize("token", [None, "session"])
@pytest.mark.parametrize("model", SPEC["models"])
def test_what_the_right_secret_signed_is_taken(url: str, token: str | None, model: str) -> None:
    client = _client(url, "AKIDREAL", token, "wJalr/K7")
    answer = client.converse(modelId=model, messages=MESSAGES, inferenceConfig={"maxTokens": 2})
    assert answer["usage"]["outputTokens"] == 2
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert answer["ResponseMetadata"]["RequestId"] == headers["x-amzn-requestid"] == headers["x-request-id"]
    streamed = client.converse_stream(modelId=model, messages=MESSAGES, inferenceConfig={"maxTokens": 2})
    assert "metadata" in list(streamed["stream"])[-1]


def test_what_another_secret_signed_is_refused_as_aws_does(url: str) -> None:
    response = _refused(_client(url, "AKIDREAL", secret="guessed"))
    assert response["Error"]["Code"] == "InvalidSignatureException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "does not match the signature you provided" in response["Error"]["Message"]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer AKIDREAL", "AWS4-HMAC-SHA256 Credential=AKIDREAL/20260101/x/bedrock/aws4_request, SignedHeaders=host"],
)
def test_what_is_not_signed_is_not_signed_by_anybody(authorization: str) -> None:
    assert not is_signed_by("wJalr/K7", "POST", "/x", {"authorization": authorization}, b"{}")


def test_a_bearer_token_is_a_key_too() -> None:
    assert BedrockFormat().key({"authorization": "Bearer good"}, "") == "good"
    assert BedrockFormat().key({"authorization": "Basic good"}, "") == ""


SCENARIO = """
[targets.main]
base_url = "sim:"
dialect = "bedrock"
model = "anthropic.claude-3-haiku-20240307-v1:0"

[classes.streamed]
stream = true
[classes.whole]
stream = false

[load]
rate = "20/s"
duration = "5s"
"""


def test_a_scenario_runs_against_it() -> None:
    ran = run_plan(plan_of(SCENARIO))
    assert {str(record.outcome) for record in ran.records} == {"ok"}
    assert len(ran.records) > 60
    for record in ran.records:
        usage = record.answer.usage
        assert usage is not None
        assert not record.call.stream or len(record.answer.stamps) == usage.output


def test_what_its_prompt_cache_knew_is_counted_apart() -> None:
    ran = run_plan(plan_of(SCENARIO, "sim.prompt_cache=100000", 'classes.whole.prompt.text="' + "word " * 200 + '"'))
    usages = [record.answer.usage for record in ran.records if record.call.cls == "whole"]
    assert {usage.input for usage in usages} == {usages[0].input}
    assert usages[0].cached == 0
    assert usages[-1].cached > 200


def test_its_errors_are_told_with_their_names() -> None:
    ran = run_plan(plan_of(SCENARIO, 'sim.faults=[{kind="error",status=503,message="No room."}]'))
    assert {record.detail for record in ran.records} == {"HTTP 503: ServiceUnavailableException: No room."}
