from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sim_kit import Bench, Heard

from llmload.sim.cache import BLOCK, PrefixCache

TEXT = bytes(range(48, 112)) * 40


def asked(bench: Bench, text: str, **more: object) -> Heard:
    heard = bench.send(
        body={"model": "sim-model", "messages": [{"role": "user", "content": text}], "max_tokens": 3, **more}
    )
    bench.time.run()
    return heard


def cached(heard: Heard) -> int:
    found: int = heard.json["usage"]["prompt_tokens_details"]["cached_tokens"]
    return found


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
def test_what_two_prompts_begin_with_is_known_in_whole_blocks(first: int, second: int) -> None:
    cache = PrefixCache(10_000)
    assert cache.read("m", TEXT[:first]) == 0
    assert cache.read("m", TEXT[:second]) == min(first, second) // 4 // BLOCK * BLOCK
    assert cache.read("other", TEXT[:second]) == 0


def test_a_text_that_begins_otherwise_finds_nothing() -> None:
    cache = PrefixCache(10_000)
    cache.read("m", TEXT)
    assert cache.read("m", b"x" + TEXT) == 0


def test_what_was_not_asked_for_the_longest_makes_room() -> None:
    cache = PrefixCache(len(TEXT) // 4 * 2)
    one, two, three = TEXT, b"2" + TEXT[1:], b"3" + TEXT[1:]
    cache.read("m", one)
    cache.read("m", two)
    assert cache.read("m", one) > 0
    cache.read("m", three)
    assert cache.read("m", one) > 0
    assert cache.read("m", two) == 0


def test_a_hit_is_said_in_header_and_usage_and_is_faster() -> None:
    bench = Bench(prompt_cache=100_000, jitter=0)
    text = "What is load? " * 500
    miss, hit = asked(bench, text), asked(bench, text)
    assert (miss.headers["x-cache"], cached(miss)) == ("miss", 0)
    assert hit.headers["x-cache"] == "hit"
    assert 0.95 < cached(hit) / hit.json["usage"]["prompt_tokens"] < 1
    took = [int(heard.headers["openai-processing-ms"]) for heard in (miss, hit)]
    assert took[0] - took[1] > 60


LONG = "What is load? " * 100
MESSAGE = {"model": "sim-model", "max_tokens": 3, "messages": [{"role": "user", "content": LONG}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": LONG}]}], "inferenceConfig": {"maxTokens": 3}}


def _usages(path: str, body: object, name: str) -> list[dict[str, int]]:
    """What the same prompt costs twice."""
    bench = Bench(prompt_cache=100_000)
    answers = []
    for _ in range(2):
        answers.append(bench.send(path, body))
        bench.time.run()
    return [answer.json[name] for answer in answers]


@pytest.mark.parametrize(
    ("path", "body", "rest", "written", "read"),
    [
        (
            "/v1/messages", MESSAGE,
            "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens",
        ),
        (
            "/model/sim-model/converse", CONVERSE,
            "inputTokens", "cacheWriteInputTokens", "cacheReadInputTokens",
        ),
    ],
)  # fmt: skip
def test_what_goes_into_the_cache_is_what_comes_from_it(
    path: str, body: object, rest: str, written: str, read: str
) -> None:
    first, second = _usages(path, body, "usage")
    assert (first[read], second[written]) == (0, 0)
    assert second[read] == first[written] > 300
    assert first[rest] == second[rest] < 30


def test_gemini_counts_what_was_known_within_the_prompt() -> None:
    body = {"contents": [{"parts": [{"text": LONG}]}], "generationConfig": {"maxOutputTokens": 3}}
    first, second = _usages("/v1/models/sim-model:generateContent", body, "usageMetadata")
    assert "cachedContentTokenCount" not in first
    assert 300 < second["cachedContentTokenCount"] < second["promptTokenCount"] == first["promptTokenCount"]


def test_without_a_cache_nothing_is_said_of_one() -> None:
    bench = Bench()
    asked(bench, "Hello " * 100)
    heard = asked(bench, "Hello " * 100)
    assert "x-cache" not in heard.headers
    assert cached(heard) == 0


def test_a_cold_cache_finds_nothing() -> None:
    bench = Bench(prompt_cache=100_000, faults=[{"kind": "cold-cache"}])
    asked(bench, "Hello " * 100)
    heard = asked(bench, "Hello " * 100)
    assert (heard.headers["x-cache"], cached(heard)) == ("miss", 0)


def test_slow_prefill_grows_with_the_prompt() -> None:
    def took(text: str, **fault: str) -> int:
        bench = Bench(jitter=0, faults=[{"kind": "slow-prefill", **fault}])
        return int(asked(bench, text).headers["openai-processing-ms"])

    short, long = "x" * 4000, "x" * 16_000
    assert abs(took(long, linear="1s") - took(short, linear="1s") - 3000 - 120) < 60
    assert abs(took(long, square="1s") - took(short, square="1s") - 15_000 - 120) < 150
