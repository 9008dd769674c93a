"""The dialects "gemini" and "vertex": what servers send, and requests as they go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from dialect_kit import Sample, check, check_hostile, load_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from spoiled import spoiled

from llmload.dialects import DIALECTS, dialect
from llmload.dialects.gemini.stream import ResponseStream
from llmload.records import Answer, Api, Call, Image, Message, Tool, ToolCall, WireRequest

GEMINI = dialect("gemini")
VERTEX = dialect("vertex", {"project": "p", "location": "europe-west1"})
ARRAY = dialect("gemini", {"stream": "array"})
SAMPLES = load_samples(Path(__file__).parent / "samples" / "gemini")


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_it_is_cut(sample: Sample) -> None:
    check(GEMINI, sample)
    check(VERTEX, sample)


def test_there_are_samples_for_every_api() -> None:
    assert {Api(sample.api) for sample in SAMPLES} == GEMINI.apis == VERTEX.apis


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    check_hostile(GEMINI, sample, spoiled(sample, data))


def response(part: dict[str, Any], **more: Any) -> bytes:
    document = {"candidates": [{"content": {"parts": [part], "role": "model"}}], "modelVersion": "m", **more}
    return b"data: " + orjson.dumps(document) + b"\r\n\r\n"


def read(parts: list[bytes]) -> tuple[Answer, ResponseStream]:
    answer = Answer()
    reader = ResponseStream(answer)
    for t, data in enumerate(parts, start=1):
        reader.feed(data, t)
    return answer, reader


def test_responses_that_count_nothing_are_parsed_once() -> None:
    answer, reader = read([response({"text": f"{n}"}) for n in range(50)])
    assert len(answer.stamps) == answer.events == 50
    assert reader.template() is not None


def test_responses_that_count_and_calls_of_functions_are_each_parsed() -> None:
    counting = [response({"text": "a"}, usageMetadata={"candidatesTokenCount": n}) for n in range(1, 9)]
    answer, reader = read(counting)
    assert reader.template() is None
    assert answer.usage is not None
    assert answer.usage.output == 8
    answer, reader = read([response({"functionCall": {"name": "f"}})] * 3)
    assert reader.template() is None
    assert answer.tool_calls == 3


# -- requests --------------------------------------------------------------------------------------------------


def call(api: Api = Api.CHAT, *messages: Message, model: str = "m", **fields: Any) -> Call:
    return Call(0, "c", "t", api, model, messages=messages, **fields)


def body(*messages: Message, **fields: Any) -> Any:
    return orjson.loads(GEMINI.request(call(Api.CHAT, *messages, **fields)).body)


def test_a_request_has_its_system_prompt_apart() -> None:
    made = GEMINI.request(
        call(Api.CHAT, Message("system", "be brief"), Message("user", "žluť?"), Message("assistant", "No."),
             Message("user", "Why?"), max_tokens=5, key="k")
    )  # fmt: skip
    assert (made.method, made.path, made.key) == ("POST", "models/m:generateContent", "k")
    assert dict(made.headers) == {"content-type": "application/json", "accept": "application/json"}
    assert orjson.loads(made.body) == {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "žluť?"}]},
            {"role": "model", "parts": [{"text": "No."}]},
            {"role": "user", "parts": [{"text": "Why?"}]},
        ],
        "generationConfig": {"maxOutputTokens": 5},
    }


def test_streams_are_asked_for_as_events_or_as_an_array() -> None:
    events, array = (made.request(call(stream=True)) for made in (GEMINI, ARRAY))
    assert (events.path, dict(events.headers)["accept"]) == (
        "models/m:streamGenerateContent?alt=sse",
        "text/event-stream",
    )
    assert (array.path, dict(array.headers)["accept"]) == ("models/m:streamGenerateContent", "application/json")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("m", "projects/p/locations/europe-west1/publishers/google/models/m"),
        ("publishers/meta/models/l", "projects/p/locations/europe-west1/publishers/meta/models/l"),
        ("endpoints/1", "projects/p/locations/europe-west1/endpoints/1"),
        ("projects/q/locations/l/endpoints/1", "projects/q/locations/l/endpoints/1"),
        ("a b?c", "projects/p/locations/europe-west1/publishers/google/models/a%20b%3Fc"),
    ],
)
def test_vertex_has_its_models_in_a_project_and_location(model: str, path: str) -> None:
    assert VERTEX.request(call(model=model)).path == f"{path}:generateContent"
    assert GEMINI.request(call(model="tunedModels/x")).path == "tunedModels/x:generateContent"


def test_params_go_in_last_and_beside_what_is_generated_by() -> None:
    params = {"generationConfig": {"temperature": 0, "topK": 3}, "safetySettings": []}
    made = body(Message("user", "x"), max_tokens=5, params=params)
    assert made["generationConfig"] == {"maxOutputTokens": 5, "temperature": 0, "topK": 3}
    assert made["safetySettings"] == []
    assert "generationConfig" not in body(max_tokens=5, params={"generationConfig": None})


def test_pictures_and_tools() -> None:
    calls = (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{cut"))
    made = body(Message("user", "See", images=(Image("image/png", b"\x89PNG"),)),
                Message("assistant", "", tool_calls=calls), Message("tool", "12:00", tool_call_id="a"),
                Message("tool", "no", tool_call_id="b"),
                tools=(Tool("f", "The time", {"type": "object"}), Tool("g")))  # fmt: skip
    assert made["contents"] == [
        {"role": "user", "parts": [
            {"text": "See"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}]},
        {"role": "model", "parts": [
            {"functionCall": {"name": "f", "args": {"x": 1}}}, {"functionCall": {"name": "g", "args": {}}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"result": "12:00"}}},
            {"functionResponse": {"name": "g", "response": {"result": "no"}}}]},
    ]  # fmt: skip
    assert made["tools"] == [{"functionDeclarations": [
        {"name": "f", "description": "The time", "parameters": {"type": "object"}}, {"name": "g"}]}]  # fmt: skip


def test_embeddings_are_asked_for_as_each_service_has_it() -> None:
    wanted = call(Api.EMBEDDINGS, inputs=("a", "b"), params={"outputDimensionality": 8}, stream=True)
    gemini, vertex = GEMINI.request(wanted), VERTEX.request(wanted)
    assert gemini.path == "models/m:batchEmbedContents"
    assert orjson.loads(gemini.body)["requests"][1] == {
        "model": "models/m", "content": {"parts": [{"text": "b"}]}, "outputDimensionality": 8,
    }  # fmt: skip
    assert vertex.path.endswith("/models/m:predict")
    assert orjson.loads(vertex.body) == {
        "instances": [{"content": "a"}, {"content": "b"}],
        "parameters": {"outputDimensionality": 8},
    }


def test_models_are_listed() -> None:
    accept = (("accept", "application/json"),)
    assert GEMINI.request(call(Api.MODELS)) == WireRequest("GET", "models", accept, b"")
    assert VERTEX.request(call(Api.MODELS)).path == "publishers/google/models"


def test_keys_go_where_each_service_wants_them() -> None:
    assert DIALECTS["gemini"].key == ("x-goog-api-key", "")
    assert DIALECTS["vertex"].key == ("Authorization", "Bearer ")
