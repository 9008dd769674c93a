from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sim_kit import Bench, Heard

from llmload.sim.requests import Refused, count_tokens, embedding_job, read_body, text_job
from llmload.sim.spec import SimSpec

SPEC = SimSpec(context_window=1000, max_tokens=500)
CHAT: dict[str, Any] = {"model": "sim-model", "messages": [{"role": "user", "content": "Hello"}]}


def _chat(**changes: Any) -> dict[str, Any]:
    return {**CHAT, **changes}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (_chat(model=None), 400, "model"),
        (_chat(model=3), 422, "model"),
        (_chat(model="gpt-9"), 404, "model"),
        (_chat(messages=None), 400, "messages"),
        (_chat(messages=[]), 400, "messages"),
        (_chat(messages="hi"), 422, "messages"),
        (_chat(messages=["hi"]), 422, "messages"),
        (_chat(messages=[{"role": "user", "content": 3}]), 422, "messages"),
        (_chat(max_tokens=0), 400, "max_tokens"),
        (_chat(max_tokens=501), 400, "max_tokens"),
        (_chat(max_tokens="5"), 422, "max_tokens"),
        (_chat(max_tokens=True), 422, "max_tokens"),
        (_chat(n=0), 400, "n"),
        (_chat(n=129), 400, "n"),
        (_chat(stream="yes"), 422, "stream"),
        (_chat(stream_options=[]), 422, "stream_options"),
        (_chat(messages=[{"role": "user", "content": "x" * 4000}]), 400, "messages"),
        (_chat(messages=[{"role": "user", "content": "x" * 3000}], max_tokens=300), 400, "messages"),
    ],
)
def test_a_bad_chat_request_is_refused_with_the_field_at_fault(body: dict[str, Any], status: int, param: str):
    with pytest.raises(Refused) as caught:
        text_job(body, True, "id", SPEC)
    assert (caught.value.status, caught.value.error["param"]) == (status, param)
    assert caught.value.error["message"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"model": "sim-model"}, 400, "input"),
        ({"model": "sim-model", "input": []}, 400, "input"),
        ({"model": "sim-model", "input": {"a": 1}}, 422, "input"),
        ({"model": "sim-model", "input": [None]}, 422, "input"),
        ({"model": "sim-model", "input": ["a"] * 2049}, 400, "input"),
        ({"model": "sim-model", "input": "x" * 4001}, 400, "input"),
        ({"model": "sim-model", "input": "a", "encoding_format": "hex"}, 400, "encoding_format"),
        ({"model": "sim-model", "input": "a", "dimensions": 10_000}, 400, "dimensions"),
    ],
)
def test_a_bad_embeddings_request_is_refused_with_the_field_at_fault(body: dict[str, Any], status: int, param: str):
    with pytest.raises(Refused) as caught:
        embedding_job(body, SPEC)
    assert (caught.value.status, caught.value.error["param"]) == (status, param)


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"{", 400), (b"\xff", 400), (b"[]", 422), (b"3", 422)])
def test_a_body_that_is_no_json_object_is_refused(body: bytes, status: int):
    with pytest.raises(Refused) as caught:
        read_body(body)
    assert caught.value.status == status


def test_a_request_over_the_context_window_says_so_by_code_and_numbers():
    with pytest.raises(Refused) as caught:
        text_job(_chat(messages=[{"role": "user", "content": "x" * 4000}]), True, "id", SPEC)
    assert caught.value.error["code"] == "context_length_exceeded"
    assert "1000 tokens" in caught.value.error["message"]


def test_unknown_fields_null_fields_and_content_parts_are_taken():
    parts = [{"type": "text", "text": "x" * 40}, {"type": "image_url", "image_url": {}}, "y" * 40]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    job = text_job(_chat(messages=messages, n=None, stream=None, anything={"a": 1}), True, "id", SPEC)
    assert job.prompts == (20 + 3 + 2 * 4 + 256,)


def test_the_answer_has_all_tokens_allowed_with_ignore_eos_and_at_least_min_tokens():
    spec = SPEC.model_copy(update={"answer": (10, 20)})
    assert 10 <= text_job(_chat(max_tokens=400), True, "id", spec).lengths[0] <= 20
    assert text_job(_chat(max_tokens=400, ignore_eos=True), True, "id", spec).lengths == (400,)
    assert text_job(_chat(max_tokens=400, min_tokens=300), True, "id", spec).lengths == (300,)
    assert text_job(_chat(max_tokens=5), True, "id", spec).lengths == (5,)
    assert text_job(_chat(max_completion_tokens=5), True, "id", spec).lengths == (5,)


def test_without_max_tokens_the_answer_may_fill_the_context_window():
    spec = SPEC.model_copy(update={"answer": "max", "max_tokens": 10_000})
    job = text_job(CHAT, True, "id", spec)
    assert job.prompts[0] + job.lengths[0] == 1000


def test_lengths_are_drawn_over_the_whole_span():
    spec = SPEC.model_copy(update={"answer": (1, 3)})
    assert {text_job(CHAT, True, str(number), spec).lengths[0] for number in range(50)} == {1, 2, 3}


def test_tokens_are_a_quarter_of_the_bytes():
    assert [count_tokens(text) for text in ("", "abcd", "abcde", "éé", "\ud800")] == [1, 1, 2, 1, 1]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    ["messages", "prompt", "input", "n", "stream", "stream_options", "max_tokens", "min_tokens", "encoding_format"]
)


@given(st.dictionaries(_FIELDS, _JSON), st.booleans())
def test_whatever_the_body_it_is_taken_or_refused_never_a_crash(body: dict[str, Any], chat: bool):
    document = read_body(orjson.dumps({**CHAT, **body}))
    for read in (lambda: text_job(document, chat, "id", SPEC), lambda: embedding_job(document, SPEC)):
        with contextlib.suppress(Refused):
            read()


def _rerank(bench: Bench, **fields: Any) -> Heard:
    heard = bench.send("/v1/rerank", {"model": "sim-model", "query": "which?", "documents": ["a", "b"], **fields})
    bench.time.run()
    return heard


def test_documents_are_put_in_an_order_of_their_own():
    bench = Bench()
    answer = _rerank(bench, documents=["one", {"text": "two"}, "three"]).json
    assert sorted(entry["index"] for entry in answer["results"]) == [0, 1, 2]
    scores = [entry["relevance_score"] for entry in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["usage"] == {"prompt_tokens": 3 * 2 + 1 + 1 + 2, "total_tokens": 10}
    assert [entry["index"] for entry in _rerank(bench, documents=["one"] * 5, top_n=2).json["results"]] == [0, 1]
    assert bench.truths[-1].route == "rerank"


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "none"}, 404, "model"),
        ({"query": ""}, 400, "query"),
        ({"query": 7}, 422, "query"),
        ({"documents": []}, 400, "documents"),
        ({"documents": [7]}, 422, "documents"),
        ({"documents": ["x" * 40_000]}, 400, "documents"),
        ({"top_n": 0}, 400, "top_n"),
    ],
)
def test_rerank_requests_that_are_wrong_are_refused(fields: dict[str, Any], status: int, param: str):
    heard = _rerank(Bench(), **fields)
    assert (heard.status, heard.json["error"]["param"]) == (status, param)
