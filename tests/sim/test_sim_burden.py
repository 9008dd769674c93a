"""A known load on a process is borne by it, as the kernel counts it."""

from __future__ import annotations

import time
import urllib.request

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmload.clock import monotonic_ns
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

MIB = 2**20


def _page(sim: SimProcess) -> dict[str, float]:
    with urllib.request.urlopen(f"{sim.root}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {sample.name: sample.value for sample in samples}


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def test_cores_and_memory_are_as_wished_and_as_its_page_says() -> None:
    spec = SimSpec.model_validate({"burden": {"cores": 0.2, "memory": "64MiB", "after": "1s"}})
    with SimProcess(spec) as sim:
        process = psutil.Process(sim.pid)
        time.sleep(0.3)
        since, used, page, light = time.monotonic(), _used(process), _page(sim), process.memory_info().rss
        sim.begin(monotonic_ns())
        time.sleep(3)
        took, after = time.monotonic() - since, _page(sim)
        assert (_used(process) - used) / took == pytest.approx(0.2, rel=0.1)
        assert after["process_cpu_seconds_total"] - page["process_cpu_seconds_total"] == pytest.approx(
            _used(process) - used, abs=0.05
        )
        assert process.memory_info().rss - light == pytest.approx(64 * MIB, rel=0.05)
        assert after["process_resident_memory_bytes"] == pytest.approx(process.memory_info().rss, rel=0.02)


def test_memory_is_not_taken_before_its_time() -> None:
    spec = SimSpec.model_validate({"burden": {"memory": "64MiB", "after": "1h"}})
    with SimProcess(spec) as sim:
        sim.begin(monotonic_ns())
        time.sleep(0.3)
        assert _page(sim)["process_resident_memory_bytes"] < 110 * MIB  # 50 without a burden
