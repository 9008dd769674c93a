from __future__ import annotations

import dataclasses

import orjson
from hypothesis import given
from hypothesis import strategies as st
from metrics_kit import quick

from llmload.metrics.disturbance import Cause
from llmload.metrics.health import Gauge, WorkerHealth


@quick
@given(st.lists(st.floats(0, 4), max_size=20))
def test_a_gauge_keeps_mean_and_maximum_of_its_samples(shares: list[float]) -> None:
    gauge = Gauge()
    for share in shares:
        gauge.add(share)
    assert gauge.samples == len(shares)
    assert abs(gauge.mean - (sum(shares) / len(shares) if shares else 0)) < 1e-5
    assert abs(gauge.max - max(shares, default=0)) < 1e-5


def sample(seed: int) -> WorkerHealth:
    made = WorkerHealth(
        3, fds=seed % 7, fd_limit=1024, rss=seed * 1000, cap_hits=seed, dropped=seed % 3, unsent=seed % 2,
        connections_opened=seed, max_in_flight=seed % 11, fallback=("", "direct", "iter_any")[seed % 3], clock_jumps=1,
        renewals_failed=seed % 2,
    )  # fmt: skip
    made.loop_lag.record([seed, seed * 10])
    made.gc_pause.record([seed])
    for cause, micros in ((Cause.BUSY, seed * 100), (Cause.STOPPED, seed + 10_000)):
        made.disturbances.add(cause, seed, micros)
    made.learned.add({("chat", ("prose", "python")[seed % 2]): (seed, seed + 10)})
    for gauge in (made.cpu, made.cpu_wait, made.machine_cpu, made.others_cpu, made.steal):
        gauge.add(seed / 1000)
    return made


@quick
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=6), st.randoms())
def test_samples_of_a_worker_add_up_in_any_order(seeds: list[int], random: object) -> None:
    def total(order: list[int]) -> dict[str, object]:
        made = WorkerHealth(3)
        for seed in order:
            made.merge(sample(seed))
        return made.to_json()

    expected = total(seeds)
    random.shuffle(seeds)  # type: ignore[attr-defined]
    assert total(seeds) == expected


def test_every_field_takes_part_in_merging() -> None:
    empty, full = WorkerHealth(3), sample(5)
    empty.merge(full)
    for field in dataclasses.fields(WorkerHealth):
        assert getattr(empty, field.name) == getattr(full, field.name), field.name


def test_the_slower_measuring_path_is_the_one_remembered() -> None:
    made = WorkerHealth(0, fallback="iter_any")
    made.merge(WorkerHealth(0, fallback="direct"))
    assert made.fallback == "iter_any"


def test_json_round_trip_is_exact() -> None:
    made = sample(17)
    assert WorkerHealth.from_json(orjson.loads(orjson.dumps(made.to_json()))) == made


def test_a_document_from_before_there_were_disturbances_can_be_read() -> None:
    old = sample(17).to_json()
    del old["disturbances"], old["cpu_wait"]
    made = WorkerHealth.from_json(old)
    assert made.cpu_wait.samples == 0
    assert list(made.disturbances) == []
    assert made.rss == 17_000
