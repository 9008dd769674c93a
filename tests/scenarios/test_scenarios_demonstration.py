"""At demonstration size, in virtual time: healthy passes, and each planted fault fails in the words of its row."""

from __future__ import annotations

import pytest
from shipped_runs import NAMES, demo, judged, missed, missed_at_full_size, ran, variants

from llmload.analysis.insights import Facts, insights
from llmload.records import Outcome
from llmload.verdict.kinds import Kind

AFTER_BURSTS = ("batch window 1", "viral spike 1", "the morning rush")

NOT_BACK = (
    "recovery takes longer than it may: latency or errors are not back within the band of the time before the spike"
)
OVER_LONG_PROMPTS = {
    "over-long prompts are not refused with a clear 400, 413 or 422",
    "over-long prompts are not refused quickly",
    "requests fail",
}
OVER_LONG_TEXTS = {saying.replace("prompts", "texts") for saying in OVER_LONG_PROMPTS}

FAULTS = {
    ("calibrate-tokens", "broken"): {
        "prompts of 100 tokens are longer than they should be",
        "prompts of 500 tokens are longer than they should be",
        "prompts of 2000 tokens are longer than they should be",
        "more than 1 prompt of 500 tokens in 10 is off by more than 5 %",
        "more than 1 prompt of 2000 tokens in 20 is off by more than 5 %",
    },
    ("calibrate-tokens", "exact"): {
        "prompts are off: it is not this vocabulary, or the chat template's overhead is not said",
    },
    ("cache", "broken"): {"the cache is off, cold or too small: fewer than 30 % of the prompts are found in it"},
    ("cache", "broken-small"): {"the cache is off, cold or too small: fewer than 30 % of the prompts are found in it"},
    ("ttft-prompt-size", "broken"): {
        "long prompts (2000 tokens) wait too long for their first token",
        "prompts are read too slowly: 1000 more tokens cost more than 500 ms",
    },
    ("ttft-prompt-size", "broken-quadratic"): {
        "disproportionate: a prompt four times as long takes more than four times as long",
    },
    ("ci", "broken"): set(),  # told from its baseline alone: test_scenarios_ci
    ("quickstart", "broken"): {"requests fail", "too few of the planned requests go well"},
    ("baseline", "broken"): {
        "the embeddings route is slow",
        "the embeddings route is slow: its slowest requests",
    },
    ("peak", "broken"): {
        "more than 1 in 100 requests fail at peak",
        "unhandled server errors (5xx other than 503): the service breaks instead of turning load away",
    },
    ("stress", "broken"): {"it crashes (connection resets) instead of shedding load"},
    ("stress", "broken-stuck"): {
        "it never recovers: latency or errors are not back within the band of the time before, "
        "though the load has dropped",
        "it never recovers: requests still fail long after the load has dropped",
        "it never recovers: chats are still slow long after the load has dropped",
        "it never recovers: embeddings are still slow long after the load has dropped",
    },
    ("stress", "until-it-breaks"): {"it breaks: more than 10 % of the requests of a minute fail"},
    ("day", "broken"): {
        "slow adaptation to the afternoon's mix: not steady in time after the change",
    },
    ("day", "broken-errors"): {
        "slow adaptation to the morning's mix: not steady in time after the change",
        "unstable in transitions: more than 1 % of the requests after a change fail",
    },
    ("scaling", "broken"): {
        "it never scales, or by too little: with all users half of the chats take twice as long and longer",
    },
    ("scaling", "broken-thrash"): {
        "it thrashes: at a load that does not change the level of latency goes up and down",
    },
    ("soak", "broken"): {
        "latency creeps: requests get slower the longer it runs",
        "requests pile up the longer it runs: a queue grows",
    },
    ("soak", "broken-errors"): {
        "errors creep: more requests fail the longer it runs",
        "more than 1 in 200 requests fail",
    },
    ("spike", "broken"): {
        NOT_BACK,
        "recovery takes longer than it may: chats are still slow",
        "recovery takes longer than it may: embeddings are still slow",
    },
    ("spike", "broken-errors"): {NOT_BACK, "errors stay: requests still fail after the time to recover"},
    ("bursts", "broken"): {
        "requests time out in the queue",
        "more than 1 in 100 requests fail",
        *(f"the queue of {burst} does not drain" for burst in AFTER_BURSTS),
    },
    ("sustained", "broken"): {
        "fewer than 900 of the 1000 requests are answered",
        "the target is slower than 80 % of the rate: it answers fewer than 13.3 requests/s",
    },
    ("failover", "broken"): {
        "failover takes too long on average",
        "one failover takes too long, or does not come at all",
    },
    ("failover", "broken-missing"): {
        "in fewer than 8 of 10 failures another provider takes over",
        "failover takes too long on average",
        "one failover takes too long, or does not come at all",
    },
    ("circuit-breaker", "broken"): {
        "the circuit breaker never opens",
        "more requests fail than the threshold before it opens",
        "the fallback does not serve: total failure while the primary is down",
        "it never closes again: the primary is healed and gets no requests",
    },
    ("circuit-breaker", "broken-closing"): {"it never closes again: the primary is healed and gets no requests"},
    ("chaos", "broken"): {
        "more than 1 in 20 requests fail",
        "failover is missing: no other provider takes over",
        "failover is slow: it takes too long until another provider serves",
    },
    ("chaos", "broken-slow"): {"failover is slow: it takes too long until another provider serves"},
    ("chaos", "broken-cascade"): {"more than 1 in 20 requests fail", "it cascades: the other provider fails as well"},
    ("readiness", "broken-success"): {"not ready: more than 1 in 20 requests fail"},
    ("readiness", "broken-rate"): {
        "not ready: it answers fewer than 9 of the 10 requests sent per second",
    },
    ("readiness", "broken-p95"): {"not ready: 1 in 20 answers takes 5 s and more"},
    ("readiness", "broken-p99"): {"not ready: 1 in 100 answers takes 10 s and more"},
    ("slo-report", "broken"): {
        "the service is less available than it should be",
        "in some stretch of 3.33 s more calls failed than may",
    },
    ("slo-report", "broken-burst"): {"in some stretch of 3.33 s more calls failed than may"},
    ("ttft", "broken"): {"first tokens come too late"},
    ("throughput", "broken"): {
        "answers are written too slowly, on average",
        "answers are written too slowly: half of the streams",
    },
    ("inter-chunk", "broken"): {
        "chunks come too slowly, on average",
        "chunks come too slowly: half of the gaps",
        "the flow is uneven: more than 1 gap in 20 is too long",
    },
    ("inter-chunk", "broken-stalls"): {"streams stall in the middle of an answer"},
    ("embed-single", "broken"): {"single embeddings are slow"},
    ("throughput-nonstream", "broken"): {
        "whole answers are written too slowly, on average",
        "whole answers are written too slowly: half of them",
    },
    ("context-chat", "broken"): OVER_LONG_PROMPTS,
    ("context-chat", "broken-crash"): OVER_LONG_PROMPTS,
    ("context-chat", "broken-slow"): {
        "short prompts are slow",
        "a prompt of half the context window takes too long",
        "a prompt of 90 % of the context window takes too long",
    },
    ("context-embed", "broken"): OVER_LONG_TEXTS,
    ("context-embed", "broken-crash"): OVER_LONG_TEXTS,
    ("context-embed", "broken-slow"): {
        "embeddings of short texts are slow",
        "embeddings of 500 tokens are slow",
        "embeddings of nearly the longest texts take too long",
    },
    ("avalanche", "broken"): {
        "streams are not independent: text of others, lost or doubled text (cross-talk)",
        "streams fail",
    },
    ("avalanche", "broken-truncated"): {"streams are truncated", "streams fail"},
    ("avalanche", "broken-leak"): {
        "resources do not return: after the rush the service is slower than before",
    },
    ("rate-limits", "broken"): {
        "500s in place of 429s: the limit is not told clearly",
        "nothing is limited: no 429 in the flood",
        "waiting as told does not help",
    },
    ("rate-limits", "broken-stuck"): {
        "no recovery: requests still fail though the load is below the limits",
    },
    ("long-requests", "broken"): {
        "legitimate long requests do not complete",
        "long streams are closed before their end (a time limit on the way)",
    },
    ("long-requests", "broken-stall"): {
        "legitimate long requests do not complete",
        "long streams stall and never go on",
    },
    ("embed-batch", "broken"): {
        f"batches of {size} give fewer than 1000 embeddings per second" for size in (64, 128, 256)
    },
    ("auth-mix", "broken"): {
        "looking a valid key up takes too long",
        "refusing an invalid key takes too long",
        "invalid keys slow the valid ones",
    },
    ("auth-storm", "broken"): {
        "the pool of connections is exhausted (503)",
        "requests fail in the storms",
    },
    ("auth-storm", "broken-leak"): {
        "the pool of connections is exhausted (503)",
        "requests fail in the storms",
        "connections leak: the last storm is slower than the first",
        "connections leak: requests fail even when the storms are over",
    },
    ("rest", "broken"): {
        "half of the answers take longer than the target for production",
        "1 in 20 answers takes longer than the target for production",
        "1 in 100 answers takes longer than the target for production",
    },
    ("providers", "broken"): {
        "interference: A's answers are slower when B is loaded",
        "interference: A's first tokens wait for B's requests",
    },
    ("interference", "broken"): {
        "embeddings starve chat: half of the chats are slower beside them",
    },
    ("ttft-providers", "broken"): {
        "provider B: first tokens come too late",
        "provider B begins its answers far later than A",
    },
    ("gateway", "broken"): {
        "the gateway adds 50 ms and more to chats",
        "the gateway adds 50 ms and more to embeddings",
        "50 ms and more pass outside the service",
    },
    ("gateway", "broken-balance"): {
        "the instances are not taken evenly",
        "one instance takes half of the requests or more",
    },
    ("tenants", "broken"): {
        "noisy neighbour: the heavy tenant slows the small ones",
        "nothing limits the heavy tenant",
    },
    ("tenants", "broken-limiter"): {
        "unfair limiter: small tenants are turned away",
        "small tenants' requests fail",
    },
    ("dimensions", "broken"): {
        "asia is slow for free users: they wait longer than premium users there",
        "asia is slow for free users: they wait longer than free users in us",
    },
    ("priorities", "broken"): {
        "priority is ignored: critical requests wait like all others under overload",
        "priority is ignored: high priority requests wait like all others under overload",
    },
    ("model-cache", "broken"): {"misses slow hits"},
    ("model-cache", "broken-unbounded"): {"the cache grows without bound: hits become slower"},
    ("websocket-realtime", "broken"): {"sockets are dropped in the middle of answers"},
    ("websocket-realtime", "broken-first"): {"the first token over the socket takes too long"},
    ("rest", "broken-errors"): {"more than 1 in 100 requests fail", "less than half of the planned rate is served"},
}
"""(scenario, environment) -> everything that the missed objectives say, and nothing else does."""

ON_SOCKETS = {
    "websocket", "memory", "queue-growth", "calibrate-resources", "worker-efficiency", "workload-scaling",
}  # fmt: skip
"""Sockets are real ones, or there is a process to look at: test_scenarios_websocket.py and _observed.py run these."""
VARIANTS = [variant for variant in variants() if variant[0] not in ON_SOCKETS]
HEALTHY = [variant for variant in VARIANTS if variant not in FAULTS]


@pytest.mark.parametrize(("name", "environment"), HEALTHY)
def test_a_healthy_target_passes_with_room_to_spare(name: str, environment: str) -> None:
    assert missed(name, environment) == []
    for judgement in judged(name, environment):
        if judgement.objective.kind is Kind.DURATION:
            assert judgement.margin is not None
            assert judgement.margin > 0.2, judgement.objective.rule


@pytest.mark.parametrize(("name", "environment"), FAULTS)
def test_a_planted_fault_fails_in_the_words_of_its_row(name: str, environment: str) -> None:
    assert set(missed(name, environment)) == FAULTS[name, environment]


def test_every_scenario_has_a_fault_that_it_catches() -> None:
    assert {name for name, _ in FAULTS} == set(NAMES) - ON_SOCKETS


@pytest.mark.parametrize(("name", "environment"), VARIANTS)
def test_a_demonstration_takes_well_under_a_minute(name: str, environment: str) -> None:
    assert demo(name, environment).load.duration <= 25
    assert ran(name, environment).seconds <= 35


def test_in_overload_the_healthy_target_sheds_load_and_does_nothing_worse() -> None:
    summary = ran("stress", "").summary
    assert {outcome for outcome in summary.select().outcomes if outcome.error} == {Outcome.HTTP_503}
    assert summary.select(phase="step-250").errors == 0
    assert summary.select(phase="step-750").error_rate > 0.2
    assert summary.select(phase="recovered").errors == 0


def test_a_broken_api_may_still_be_good_enough_for_a_degraded_service() -> None:
    assert missed("rest", "broken,degraded") == []


@pytest.mark.parametrize("name", ["sustained", "ttft", "throughput", "inter-chunk", "embed-single"])
def test_the_full_size_tells_healthy_from_broken_too(name: str) -> None:
    assert missed_at_full_size(name) == []
    late = {"answers come too late"} if name == "sustained" else set()
    assert set(missed_at_full_size(name, "broken")) == FAULTS[name, "broken"] | late


def test_a_cold_cache_has_no_hits_that_its_header_could_name() -> None:
    assert missed("cache", "header,broken") == ["there are no hits, or they are hardly faster than misses"]


def test_one_region_slow_for_one_user_type_only_is_named_as_what_explains_the_variance() -> None:
    def said(environment: str) -> list[str]:
        found = insights(ran("dimensions", environment).summary, Facts())
        return [insight.text for insight in found if insight.code == "variance"]

    assert said("") == []
    (text,) = said("broken")
    assert text.startswith("region x user explains ")
    assert "asia/free takes 2 times as long as the rest" in text


def test_who_slows_whom_is_said_with_an_interval() -> None:
    def said(environment: str) -> list[tuple[str, str]]:
        found = insights(ran("interference", environment).summary, Facts())
        return [(insight.level.value, insight.text) for insight in found if insight.code == "interference"]

    assert said("") == [("good", "no service is slower by 20% beside others than alone")]
    ((level, text),) = said("broken")
    assert level == "warning"
    assert text.startswith("chat takes 1.6 times as long beside embed as alone")
