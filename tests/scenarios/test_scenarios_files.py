"""What a person reads in a shipped scenario: its header, and what its objectives say."""

from __future__ import annotations

import re

import pytest
from shipped_runs import NAMES, demo, full, source, variants

from llmload.scenario.load import environments

SECTIONS = ("Question", "Load", "Measured", "Passes", "A failure")
IDS = {
    "memory": "MEMORY_UNDER_LOAD",
    "worker-efficiency": "PERF_MIXED_FASTAPI_WORKER_EFFICIENCY_001",
    "workload-scaling": "PERF_MIXED_WORKLOAD_AWARE_SCALING_004",
    "queue-growth": "PERF_MIXED_RESOURCE_BILLING_QUEUE_002",
    "calibrate-resources": "PERF_INFRA_RESOURCE_ACCURACY_002",
    "calibrate-tokens": "PERF_INFRA_TOKEN_ACCURACY_003",
    "ci": "PERF_LOAD_CI_REGRESSION_001",
    "cache": "CACHE_HIT_RATE",
    "ttft-prompt-size": "PERF_LLM_TTFT_PROMPT_SIZE_003",
    "baseline": "PERF_LOAD_BASELINE_001",
    "peak": "PERF_LOAD_PEAK_001",
    "stress": "PERF_LOAD_STRESS_001",
    "day": "PERF_MIXED_DYNAMIC_ADAPTATION_001",
    "scaling": "PERF_LOAD_ADAPTIVE_SCALING_002",
    "soak": "PERF_LOAD_ENDURANCE_001",
    "spike": "PERF_LOAD_SPIKE_001",
    "bursts": "PERF_LOAD_BURST_PATTERNS_003",
    "sustained": "SUSTAINED_1000_RPM",
    "failover": "FAILOVER_TIME",
    "circuit-breaker": "CIRCUIT_BREAKER",
    "chaos": "PERF_LOAD_CHAOS_PROVIDER_FAILURE_001",
    "readiness": "PRODUCTION_READINESS",
    "slo-report": "SLO_REPORT",
    "ttft": "PERF_LLM_TTFT_CHAT_STREAM_001",
    "throughput": "PERF_LLM_THROUGHPUT_STREAM_001",
    "inter-chunk": "PERF_LLM_INTERCHUNK_001",
    "embed-single": "PERF_LLM_EMBED_SINGLE_001",
    "rest": "REST_API",
    "providers": "PERF_MIXED_PROVIDER_CONCURRENCY_001",
    "ttft-providers": "PERF_LLM_TTFT_PROVIDER_COMPARE_002",
    "gateway": "PERF_MIXED_GATEWAY_STD_LOAD_001",
    "tenants": "PERF_LOAD_MULTI_TENANT_ISOLATION_004",
    "interference": "PERF_MIXED_CROSS_SERVICE_IMPACT_005",
    "dimensions": "PERF_MIXED_MULTI_DIMENSIONAL_002",
    "priorities": "PERF_MIXED_INTELLIGENT_PRIORITIZATION_003",
    "model-cache": "PERF_MIXED_RESOURCE_CONFIG_CACHE_003",
    "throughput-nonstream": "PERF_LLM_THROUGHPUT_NONSTREAM_002",
    "websocket": "WEBSOCKET",
    "websocket-realtime": "WEBSOCKET",
    "context-chat": "PERF_LLM_CONTEXT_CHAT_001",
    "context-embed": "PERF_LLM_CONTEXT_EMBED_002",
    "auth-mix": "PERF_MIXED_RESOURCE_DB_AUTH_001",
    "auth-storm": "PERF_LOAD_DB_CONNECTION_STORM_005",
    "avalanche": "PERF_LOAD_STREAMING_AVALANCHE_008",
    "rate-limits": "PERF_LOAD_PROVIDER_RATE_LIMIT_CASCADE_007",
    "long-requests": "PERF_LOAD_LONG_RUNNING_ENDURANCE_006",
    "embed-batch": "PERF_LLM_EMBED_BATCH_002",
}


def header(name: str) -> list[str]:
    """The comment that a scenario begins with."""
    lines = source(name).text.splitlines()
    return lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))]


@pytest.mark.parametrize("name", NAMES)
def test_the_header_answers_what_one_asks_of_a_load_test(name: str) -> None:
    text = header(name)
    for section in SECTIONS:
        assert any(line.startswith(f"# {section:<11}") for line in text), section
    assert re.match(rf"# {name}\b", text[0])


@pytest.mark.parametrize(("name", "row"), IDS.items())
def test_the_header_names_its_row_of_the_catalogue(name: str, row: str) -> None:
    assert f"({row})" in header(name)[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_header_shows_how_to_run_it_in_every_way_there_is(name: str) -> None:
    text = "\n".join(header(name))
    assert f"#   llmload run {name} " in text
    assert re.search(r"--url (\w+=)?http://host:8000/v1", text)
    for environment in environments(source(name)):
        if (name, environment) in {("rest", "load"), ("rest", "production")}:
            continue  # the defaults
        assert re.search(rf"--env [\w,-]*\b{environment}\b", text), environment


@pytest.mark.parametrize("name", NAMES)
def test_its_lines_fit_a_screen(name: str) -> None:
    assert all(len(line) <= 120 for line in header(name))


@pytest.mark.parametrize(("name", "environment"), variants())
def test_every_objective_says_what_missing_it_means(name: str, environment: str) -> None:
    for plan in (full(name, environment), demo(name, environment)):
        assert plan.objectives
        said = [objective.says for objective in plan.objectives]
        assert all(said)
        assert len(set(said)) == len(said), "a reader can tell them apart"


@pytest.mark.parametrize("name", NAMES)
def test_its_name_is_that_of_its_file_and_its_phases_have_names(name: str) -> None:
    plan = full(name)
    assert plan.name == name
    assert plan.description
    assert name == "quickstart" or "main" not in {phase.name for phase in plan.phases}
