from __future__ import annotations

import base64
import struct

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sim_kit import Bench

from llmload.clock import NS
from llmload.sim.text import integrity_problem, tag

CHAT = {"model": "sim-model", "messages": [{"role": "user", "content": "Hello there"}], "max_tokens": 5}


def test_a_chat_answer_is_the_whole_document():
    bench = Bench(answer="max")
    heard = bench.send(body=CHAT, headers={"x-request-id": "abc"})
    bench.time.run()
    answer = heard.json
    assert (heard.status, heard.over, answer["object"]) == (200, "end", "chat.completion")
    assert heard.headers["x-request-id"] == "abc"
    assert heard.headers["content-length"] == str(len(heard.body))
    assert 80 < int(heard.headers["openai-processing-ms"]) < 200
    assert answer["choices"][0]["finish_reason"] == "length"
    assert integrity_problem(answer["choices"][0]["message"]["content"], tag("abc")) == ""
    assert answer["usage"]["completion_tokens"] == 5
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + 5


def test_an_answer_that_is_done_before_max_tokens_stops_of_itself():
    bench = Bench(answer="3..3")
    heard = bench.send(body=CHAT)
    bench.time.run()
    assert heard.json["choices"][0]["finish_reason"] == "stop"
    assert heard.json["usage"]["completion_tokens"] == 3


def test_a_stream_has_one_write_per_token_then_its_end():
    bench = Bench(answer="max")
    heard = bench.send(body={**CHAT, "stream": True}, headers={"x-request-id": "abc"})
    assert heard.status == 200, "headers come early"
    bench.time.run()
    assert heard.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert len(heard.pieces) == 5 + 1
    assert orjson.loads(heard.events[0])["choices"][0]["delta"]["role"] == "assistant"
    assert heard.events[-1] == b"[DONE]"
    assert b'"usage"' not in heard.body
    assert bench.truths[0].content.tolist() == [t for t, _ in heard.pieces[:5]]


def test_headers_can_wait_for_the_first_token():
    bench = Bench(headers="first-token")
    heard = bench.chat()
    assert heard.status == 0
    bench.time.run()
    assert heard.started == heard.pieces[0][0]


def test_usage_comes_in_a_chunk_of_its_own_if_asked_for():
    bench = Bench(answer="max")
    heard = bench.send(body={**CHAT, "stream": True, "stream_options": {"include_usage": True}})
    bench.time.run()
    chunks = [orjson.loads(data) for data in heard.events[:-1]]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_several_choices_interleave_each_whole_in_itself():
    bench = Bench(answer="max")
    heard = bench.send(body={**CHAT, "stream": True, "n": 3}, headers={"x-request-id": "abc"})
    bench.time.run()
    for choice in range(3):
        assert integrity_problem(heard.text(choice), tag("abc"), choice) == ""
        assert len(heard.text(choice).split()) == 5
    assert heard.body.count(b'"finish_reason":"length"') == 3
    assert heard.events[-1] == b"[DONE]"


def test_completions_take_several_prompts_and_token_lists():
    bench = Bench(answer="max")
    body = {"model": "sim-model", "prompt": ["one", [1, 2, 3]], "n": 2, "max_tokens": 4}
    heard = bench.send("/v1/completions", body)
    bench.time.run()
    assert [choice["index"] for choice in heard.json["choices"]] == [0, 1, 2, 3]
    assert heard.json["object"] == "text_completion"
    assert heard.json["usage"] == heard.json["usage"] | {"prompt_tokens": 4, "completion_tokens": 16}

    stream = bench.send("/v1/completions", {**body, "stream": True})
    bench.time.run()
    chunks = [orjson.loads(data) for data in stream.events[:-1]]
    assert all("finish_reason" in choice for chunk in chunks for choice in chunk["choices"])


def test_embeddings_are_unit_vectors_in_floats_or_base64_and_equal_for_equal_texts():
    bench = Bench(dimensions=64)
    body = {"model": "sim-model", "input": ["a", "b", "a"]}
    plain = bench.send("/v1/embeddings", body)
    packed = bench.send("/v1/embeddings", {**body, "encoding_format": "base64"})
    bench.time.run()
    vectors = [entry["embedding"] for entry in plain.json["data"]]
    assert vectors[0] == vectors[2] != vectors[1]
    assert sum(x * x for x in vectors[0]) == pytest.approx(1, abs=1e-3)
    raw = base64.b64decode(packed.json["data"][1]["embedding"])
    assert struct.unpack("<64f", raw) == pytest.approx(vectors[1])
    assert [entry["index"] for entry in plain.json["data"]] == [0, 1, 2]


def test_embeddings_can_be_shortened():
    bench = Bench(dimensions=64)
    heard = bench.send("/v1/embeddings", {"model": "sim-model", "input": "a", "dimensions": 8})
    bench.time.run()
    assert len(heard.json["data"][0]["embedding"]) == 8


def test_embedding_time_grows_with_the_tokens():
    bench = Bench()
    small = bench.send("/v1/embeddings", {"model": "sim-model", "input": "x" * 400})
    bench.time.run()
    assert small.started == pytest.approx((0.004 + 0.0008 + 0.006) * NS)


def test_models_are_listed_and_found_by_name():
    bench = Bench(models=["a", "org/b"])
    assert [model["id"] for model in bench.get("/v1/models").json["data"]] == ["a", "org/b"]
    assert bench.get("/v1/models/org%2Fb").json["id"] == "org/b"
    assert bench.get("/v1/models/org/b").json["id"] == "org/b"
    assert bench.get("/v1/models/c").status == 404


def test_paths_work_without_the_version_too():
    bench = Bench()
    assert bench.get("/models").status == 200
    heard = bench.send("/chat/completions", CHAT)
    bench.time.run()
    assert heard.status == 200


def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405():
    bench = Bench()
    assert bench.get("/v2/nothing").json["error"]["code"] == "unknown_url"
    wrong = bench.get("/v1/chat/completions")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic k"}])
def test_a_missing_or_wrong_key_is_a_401(headers: dict[str, str]):
    heard = Bench(keys={"k": {}}).send(body=CHAT, headers=headers)
    assert heard.status == 401
    assert heard.json["error"]["code"] == "invalid_api_key"
    assert "wrong" not in heard.body.decode()


def test_a_right_key_is_let_in_and_its_tenant_is_noted():
    bench = Bench(keys={"k": {"tenant": "acme"}})
    heard = bench.chat(1, headers={"authorization": "Bearer k"})
    bench.time.run()
    assert (heard.status, bench.truths[0].tenant) == (200, "acme")


def test_beyond_its_rate_a_key_gets_a_429_that_says_when_to_come_back():
    bench = Bench(keys={"k": {"rate": "2/s", "burst": 3}, "other": {}})
    use = {"authorization": "Bearer k"}
    answers = [bench.chat(1, headers=use) for _ in range(5)]
    assert [heard.status for heard in answers] == [200, 200, 200, 429, 429]
    refused = answers[3]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["retry-after-ms"] == "500"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert answers[0].headers["x-ratelimit-limit-requests"] == "3"
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert bench.chat(1, headers={"authorization": "Bearer other"}).status == 200
    bench.time.run(0.5)
    assert bench.chat(1, headers=use).status == 200


def test_a_full_queue_sheds_load_with_503():
    bench = Bench(slots=2, queue_limit=3)
    statuses = [bench.chat().status for _ in range(7)]
    assert statuses == [200] * 5 + [503] * 2
    bench.time.run()
    assert bench.service.active == 0


def test_a_full_embeddings_queue_sheds_load_too():
    bench = Bench(queue_limit=2)
    answers = [bench.send("/v1/embeddings", {"model": "sim-model", "input": "a"}) for _ in range(5)]
    bench.time.run()
    assert [heard.status for heard in answers] == [200, 200, 200, 503, 503]


def test_the_same_request_gets_the_same_answer_whatever_else_comes():
    def text(others: int) -> str:
        bench = Bench()
        for _ in range(others):
            bench.send(body={**CHAT, "max_tokens": 200})
        heard = bench.send(body={**CHAT, "max_tokens": 200}, headers={"x-request-id": "abc"})
        bench.time.run()
        return heard.json["choices"][0]["message"]["content"]

    assert text(0) == text(5)


def test_requests_without_an_id_get_one_by_seed_and_number():
    def ids(seed: int) -> list[str]:
        bench = Bench(seed=seed)
        return [bench.chat().headers["x-request-id"] for _ in range(3)]

    assert ids(1) == ids(1)
    assert len(set(ids(1) + ids(2))) == 6


@pytest.mark.parametrize("given", ["a b", "x" * 200, "a\r\nset-cookie: x", "é"])
def test_an_id_that_is_not_fit_for_a_header_is_not_sent_back(given: str):
    assert Bench().chat(headers={"x-request-id": given}).headers["x-request-id"].startswith("req-")


def test_a_client_that_leaves_frees_everything():
    bench = Bench()
    bench.chat(1000)
    bench.time.run(1)
    assert bench.service.batch.running == 1
    bench.cancel()
    bench.cancel()
    bench.time.run()
    assert (bench.service.batch.running, bench.service.batch.cache_used, bench.service.active) == (0, 0, 0)
    assert (bench.truths[0].ended, len(bench.truths)) == ("cancelled", 1)
    assert 50 < bench.truths[0].tokens < 80


def test_a_client_that_leaves_while_its_embeddings_are_made_frees_its_place():
    bench = Bench()
    bench.send("/v1/embeddings", {"model": "sim-model", "input": "a"})
    bench.cancel()
    bench.time.run()
    assert (bench.service.embedder.pending, bench.service.active) == (0, 0)


def test_health_and_metrics_need_no_key_and_count_as_no_request():
    bench = Bench(keys={"k": {}}, faults=[{"kind": "error"}])
    assert bench.get("/health").status == 200
    assert bench.get("/metrics").status == 200
    assert (bench.truths, bench.service.active) == ([], 0)


def test_metrics_are_vllms_and_tell_the_state():
    bench = Bench(slots=2, models=["sim-model", 'odd"name\\'])
    for _ in range(3):
        bench.chat(50)
    bench.time.run(0.3)
    now = _metrics(bench)
    assert now["vllm:num_requests_running"] == 2
    assert now["vllm:num_requests_waiting"] == 1
    assert 0 < now["vllm:kv_cache_usage_perc"] < 0.01
    bench.chat(100)
    bench.cancel()
    bench.time.run()
    then = _metrics(bench)
    assert then["vllm:num_requests_running"] == then["vllm:num_requests_waiting"] == 0
    assert then["vllm:generation_tokens_total"] == 150
    assert then["vllm:prompt_tokens_total"] == sum(truth.prompt_tokens for truth in bench.truths[:3])
    assert then["vllm:request_success_total/length"] == 3
    assert then["vllm:request_success_total/abort"] == 1
    assert then["vllm:time_to_first_token_seconds_count"] == 3
    assert then["vllm:e2e_request_latency_seconds_count"] == 3
    mean = then["vllm:e2e_request_latency_seconds_sum"] / 3
    assert mean == pytest.approx(sum(t.end - t.received for t in bench.truths if t.ended == "finished") / 3 / NS)


def _metrics(bench: Bench) -> dict[str, float]:
    page = bench.get("/metrics").body.decode()
    return {
        sample.name + "".join(f"/{value}" for name, value in sample.labels.items() if name == "finished_reason"): (
            sample.value
        )
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_minutes_of_load_take_no_time_in_virtual_time():
    bench = Bench(queue_limit=10**6)
    for second in range(60):
        for part in range(5):
            bench.time.call_at((second * NS) + part * NS // 5, lambda: bench.chat(50))
    bench.time.run(120)
    assert len(bench.truths) == 300
    assert {truth.ended for truth in bench.truths} == {"finished"}


def test_tokens_are_told_in_both_shapes_that_servers_have_and_to_everyone():
    bench = Bench(keys={"good": {}}, context_window=4096)
    text = "Grüße an alle"
    asked = bench.send("/tokenize", {"model": "m", "prompt": text, "add_special_tokens": False}).json
    assert (asked["count"], asked["max_model_len"], len(asked["tokens"])) == (4, 4096, 4)
    assert bench.send("/tokenize", {"content": text}).json == {"tokens": asked["tokens"]}
    assert bench.send("/tokenize", {"content": ""}).json == {"tokens": []}
    assert bench.send("/tokenize", {"model": "m"}).status == 400
    assert bench.send("/tokenize", {"prompt": ["x"]}).status == 422
    assert bench.truths == []
