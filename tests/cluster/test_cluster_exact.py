"""The result of n workers is the result of one: the same calls at the same times, the same percentiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_run import Ran, plan_of, run_plan

from llmload.app.simulated import with_simulator
from llmload.clock import NS
from llmload.cluster.local import LocalCluster
from llmload.engine.run import recorder_setup
from llmload.metrics.recorder import Recorder
from llmload.metrics.summary import Summary
from llmload.records import Record
from llmload.scenario.plan import Plan

BASE = """
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
max_tokens = 20
weight = 3
[classes.embed]
api = "embeddings"
[sim]
slots = 1000
step = "10ms"
step_per_sequence = "0s"
prefill = "0s"
jitter = 0
first_token = "100ms"
answer = "max"
"""
OPEN = [
    BASE + f'[load]\nrate = "20/s"\nduration = "20s"\nprocess = "{process}"\n{more}'
    for process, more in (("uniform", ""), ("poisson", ""), ("gamma", "cv = 3.0"))
]
PACED = BASE + '[load]\nrate = "20/s"\nusers = 60\nduration = "20s"\n'
ALIKE = BASE.replace('[classes.embed]\napi = "embeddings"\n', "").replace("weight = 3\n", "")
"""Which user makes which call hangs on the number of workers, as each takes the next there is; here all are alike."""
CLOSED = [
    ALIKE + f'[load]\nusers = 12\nduration = "20s"\nthink = "713.7ms"\nthink_random = {random}'
    for random in ("false", "true")
]


def counts(ran: Ran) -> dict[str, Any]:
    """Everything that is counted, of the whole run, of every slice and in every window; no times, and no bytes that the
    service sent: it numbers its answers, and of calls that come at the same instant any may be the first."""
    document = ran.summary.to_json()
    del document["health"], document["start"]
    del document["slowest"]  # of calls that take the same to a nanosecond or two, any may be among them
    for window in document["windows"]:
        window.pop("in_flight", None)  # the most at once of a whole is not the sum of its parts' most
    return without_times(document)


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {
            name: part
            for name, part in value.items()
            if name not in ("total", "min", "max", "counts", "hdr", "stall_ns", "bytes_in")
        }
        return {name: without_times(part) for name, part in kept.items()}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def same_times(one: Summary, many: Summary) -> None:
    """Every percentile of every metric, to the precision of an HDR histogram of 3 digits."""
    for key, cell in one.cells.items():
        for population in ("good", "failed", "censored"):
            ours, theirs = getattr(cell, population), getattr(many.cells[key], population)
            assert ours.keys() == theirs.keys()
            for metric, values in ours.items():
                for percentile in (0.1, 1, 10, 50, 90, 99, 99.9, 100):
                    expected = pytest.approx(theirs[metric].percentile(percentile), rel=1e-3, abs=1)
                    assert values.percentile(percentile) == expected, (key, metric, percentile)


def planned(ran: Ran) -> list[tuple[int, int]]:
    return sorted((record.call.index, record.planned - ran.start) for record in ran.records)


@pytest.mark.parametrize("workers", [2, 3, 7])
@pytest.mark.parametrize("text", [*OPEN, PACED], ids=["uniform", "poisson", "gamma", "paced"])
def test_shards_of_a_rate_send_the_same_calls_at_the_same_times_and_find_the_same(text: str, workers: int) -> None:
    plan = plan_of(text)
    one, many = run_plan(plan), run_plan(plan, workers)
    assert len(one.records) > 300
    assert planned(one) == planned(many)
    assert counts(one) == counts(many)
    same_times(one.summary, many.summary)
    assert sorted(health.worker for health in many.summary.health.values()) == list(range(workers))


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("text", CLOSED, ids=["fixed", "random"])
def test_users_call_at_the_same_times_whichever_worker_they_belong_to(text: str, workers: int) -> None:
    plan = plan_of(text)
    one, many = run_plan(plan), run_plan(plan, workers)
    at = [sorted(record.planned - ran.start for record in ran.records) for ran in (one, many)]
    assert len(at[0]) > 100
    assert len(at[0]) == len(at[1])
    assert np.abs(np.array(at[0]) - np.array(at[1])).max() <= 1000, "a microsecond: timers are rounded up"
    assert one.summary.select().outcomes == many.summary.select().outcomes
    assert one.summary.select().output_tokens == many.summary.select().output_tokens
    same_times(one.summary, many.summary)


MIXED = plan_of(OPEN[1], 'sim.faults=[{kind="error", rate=0.2}]', 'slice_by=["tier"]', 'classes.chat.tags={tier="a"}')
RAN = run_plan(MIXED)


def fold(plan: Plan, start: int, records: list[Record], worker: int = 0) -> Summary:
    recorder = Recorder(recorder_setup(plan, start, worker))
    for record in records:
        recorder.planned(record.planned)
        recorder.sent(record.sent)
        recorder.add(record)
    return recorder.take()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(homes=st.lists(st.integers(0, 3), min_size=len(RAN.records), max_size=len(RAN.records)), random=st.randoms())
def test_merging_what_shards_folded_is_folding_all_of_it(homes: list[int], random: Any) -> None:
    """However calls are spread over workers, and in whatever order the workers' sums are added."""
    shards = [[r for r, home in zip(RAN.records, homes, strict=True) if home == shard] for shard in range(4)]
    parts = [fold(MIXED, RAN.start, records, shard) for shard, records in enumerate(shards)]
    random.shuffle(parts)
    total = parts[0]
    for part in parts[1:]:
        total.merge(part)
    assert total.to_json() == fold(MIXED, RAN.start, RAN.records).to_json()


def test_one_process_and_three_find_the_same() -> None:
    """Real processes against a simulator that answers every call alike: what does not hang on the moment is equal."""
    plan = plan_of(OPEN[1], 'load.rate="40/s"', 'load.duration="3s"')
    runs = [real(plan, workers) for workers in (1, 3)]
    (one, alone), (three, shared) = runs
    assert schedule(one, alone) == schedule(three, shared)
    assert {record.worker for record in shared} == {0, 1, 2}
    for name in ("calls", "outcomes", "input_tokens", "output_tokens", "token_sources", "bytes_out", "streams"):
        assert getattr(one.select(), name) == getattr(three.select(), name), name
    assert (one.planned, one.sent, one.completed) == (three.planned, three.sent, three.completed)
    for metric in ("input_tokens", "output_tokens"):
        assert one.select().histogram(metric) == three.select().histogram(metric)
    assert one.select().histogram("itl").count == three.select().histogram("itl").count
    for summary, records in runs:
        percentiles_are_those_of(summary, records)


def real(plan: Plan, workers: int) -> tuple[Summary, list[Record]]:
    """Run it in processes; the Summary, and every call as it came in."""
    records: list[Record] = []
    with with_simulator(plan) as (resolved, _), LocalCluster(resolved, workers, records.append) as cluster:
        cluster.begin()
        assert [event for event in cluster.events() if event is not None] == []
        summary = cluster.take()
    return summary, records


def schedule(summary: Summary, records: list[Record]) -> list[tuple[int, int, str]]:
    return sorted((record.call.index, record.planned - summary.start, record.call.cls) for record in records)


def percentiles_are_those_of(summary: Summary, records: list[Record]) -> None:
    """The merged histograms say what sorting all calls of all workers says, to HDR precision."""
    values = np.sort([(record.last_content - record.planned) / (NS / 1e6) for record in records])
    histogram = summary.select().histogram("latency")
    assert histogram.count == len(values)
    for percentile in (1, 50, 90, 99, 100):
        true = values[max(1, int(percentile * len(values) / 100 + 0.5)) - 1]
        assert histogram.percentile(percentile) == pytest.approx(true, rel=2e-3, abs=2)
